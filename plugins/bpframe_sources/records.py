"""Records of delimited text, read exactly: the csv module's rules, and errors that name line and column.

Cells may be quoted; blank lines are skipped; blanks before a cell, and after one without quotes, do not count.
"""

from __future__ import annotations

import csv
import io
import itertools
from array import array
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import BinaryIO

import numpy as np

from bpframe.plugin import DataError, HostArray, parse_number
from bpframe_sources.dialect import Dialect

Record = tuple[int, list[str]]  # the line on which a row ends, and its cells


class NoNumber(DataError):
    """A cell of the column `name` is no number."""

    def __init__(self, message: str, name: str = "") -> None:
        super().__init__(message)
        self.name = name


def read_header(file: BinaryIO, dialect: Dialect) -> list[str]:
    """The names of the columns."""
    with _records(file, dialect) as records:
        return _header(records)


def line_of(file: BinaryIO, dialect: Dialect, row: int) -> int:
    """The line on which a row ends."""
    with _records(file, dialect) as records:
        return next(itertools.islice(records, row + 1, None))[0]


def read_records(
    file: BinaryIO, dialect: Dialect, numbers: Sequence[str], texts: Sequence[str], gaps: Collection[str] = ()
) -> tuple[HostArray, dict[str, list[str]]]:
    """(float64 (N, n) of the columns `numbers`, the cells of `texts` by name, none empty but those of `gaps`)."""
    with _records(file, dialect) as records:
        header = _header(records)
        at = [header.index(name) for name in numbers]
        found: dict[str, list[str]] = {name: [] for name in texts}
        others = [(header.index(name), name, cells) for name, cells in found.items()]
        values, rows = array("d"), 0
        for line, cells in records:
            rows += 1
            if len(cells) != len(header):
                raise DataError(f"line {line}, needs {len(header)} cells like its header, got {len(cells)}.")
            for i, name, column in others:
                if not (cells[i] or name in gaps):
                    raise DataError(f"line {line}, column '{name}' needs a value, got ''. Fill it in or drop the row.")
                column.append(cells[i])
            chosen = [cells[i] for i in at]
            try:
                values.extend(_numbers(chosen, dialect.decimal))
            except ValueError:
                raise _no_number(line, numbers, chosen, dialect.decimal) from None
    return np.frombuffer(values, dtype=np.float64).reshape(rows, len(numbers)), found


@contextmanager
def _records(file: BinaryIO, dialect: Dialect) -> Iterator[Iterator[Record]]:
    """The rows of the file from its start; the file stays open."""
    file.seek(0)
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    try:
        yield _rows(text, dialect.separator)
    finally:
        text.detach()


def _rows(text: Iterator[str], separator: str) -> Iterator[Record]:
    reader = csv.reader(text, delimiter=separator, strict=True, skipinitialspace=True)
    try:
        for cells in reader:
            if cells:
                yield reader.line_num, [cell.strip() for cell in cells]
    except csv.Error as cause:
        raise DataError(f"line {reader.line_num}, needs well-formed CSV, got: {cause}. Mend it.") from cause


def _header(records: Iterator[Record]) -> list[str]:
    _, header = next(records, (0, []))
    if not header:
        raise DataError("needs a header and rows, got an empty file. Write names of columns in line 1.")
    return header


def _numbers(cells: list[str], decimal: str) -> list[float]:
    joined = "".join(cells)
    if decimal == "." and joined.isascii() and "_" not in joined:
        return list(map(float, cells))
    return [parse_number(cell, decimal) for cell in cells]


def _no_number(line: int, names: Sequence[str], cells: Sequence[str], decimal: str) -> NoNumber:
    name, cell = next((name, cell) for name, cell in zip(names, cells, strict=True) if not _is_number(cell, decimal))
    shown = cell if len(cell) <= 60 else f"{cell[:60]}..."
    return NoNumber(f"line {line}, column '{name}' needs a number, got {shown!r}. {_remedy(cell, decimal)}", name)


def _remedy(cell: str, decimal: str) -> str:
    if not cell:
        return "Fill it in or drop the row."
    other = "," if decimal == "." else "."
    if _is_number(cell, other):
        return f"The decimal sign is {decimal!r} here: set decimal={other!r}, or write {cell.replace(other, decimal)}."
    if _is_number(cell.replace("_", "").replace(",", "").replace(" ", ""), decimal):
        return "Write it in ASCII digits without signs between them."
    return "Encode text as numbers, or leave the column out."


def _is_number(cell: str, decimal: str) -> bool:
    try:
        parse_number(cell, decimal)
    except ValueError:
        return False
    return True
