"""Numeric tables in CSV files: commas, UTF-8, a header row.  N rows, n columns of inputs.

Cells may be quoted; blank lines are skipped; blanks before a cell, and after one without quotes, do not count. Every
error names the file and, where there is one, the line and the column.
"""

from __future__ import annotations

import csv
from array import array
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from bpframe.data.arguments import suggestion
from bpframe.errors import DataError
from bpframe.types import HostArray

Row = tuple[int, list[str]]  # the line on which a row ends, and its cells


def read_table(path: Path, target: str) -> tuple[HostArray, HostArray]:
    """x float64 (N, n), all columns but the target; y (N,) int64, float64 or text, the first that fits every cell."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = _rows(path, file)
        header = _header(path, rows)
        if target not in header:
            close = suggestion(target, header)
            raise DataError(f"'{path}' needs a target column '{target}', got {_listing(header)}.{close}")
        x, cells = _columns(path, header, target, rows)
        return x, _target(cells)


def read_input_columns(path: Path, target: str | None) -> HostArray:
    """x float64 (N, n), all columns but the target, which may be missing."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = _rows(path, file)
        header = _header(path, rows)
        if target not in header and _looks_like_data(header):
            raise DataError(f"'{path}' needs names of columns in its first line, got {_listing(header)}. Add a header.")
        return _columns(path, header, target, rows)[0]


def _rows(path: Path, file: Iterator[str]) -> Iterator[Row]:
    reader = csv.reader(file, strict=True, skipinitialspace=True)
    try:
        for cells in reader:
            if cells:
                yield reader.line_num, [cell.strip() for cell in cells]
    except csv.Error as cause:
        raise DataError(f"'{path}', line {reader.line_num}, needs well-formed CSV, got: {cause}. Mend it.") from cause


def _header(path: Path, rows: Iterator[Row]) -> list[str]:
    _, header = next(rows, (0, []))
    if not header:
        raise DataError(f"'{path}' needs a header and rows, got an empty file. Write names of columns in line 1.")
    if len(set(header)) < len(header):
        name = next(name for name in header if header.count(name) > 1)
        at = " and ".join(str(i) for i, other in enumerate(header, 1) if other == name)
        raise DataError(f"'{path}' needs different names of columns, got '{name}' in columns {at}. Rename one.")
    return header


def _columns(path: Path, header: list[str], target: str | None, rows: Iterator[Row]) -> tuple[HostArray, list[str]]:
    """x (N, n) and the cells of the target column, N or none."""
    names = [name for name in header if name != target]
    if not names:
        raise DataError(f"'{path}' needs a column of inputs besides '{target}', got none. Add one.")
    at = header.index(target) if target in header else None
    numbers, targets = array("d"), list[str]()
    for line, cells in rows:
        if len(cells) != len(header):
            raise DataError(f"'{path}', line {line}, needs {len(header)} cells like its header, got {len(cells)}.")
        if at is not None:
            targets.append(_filled(path, line, header[at], cells.pop(at)))
        try:
            numbers.extend(map(float, cells))
        except ValueError:
            raise _no_number(path, line, names, cells) from None
    if not numbers:
        raise DataError(f"'{path}' needs at least one row below its header, got none. Add rows.")
    return np.frombuffer(numbers, dtype=np.float64).reshape(-1, len(names)), targets


def _filled(path: Path, line: int, name: str, cell: str) -> str:
    if not cell:
        raise DataError(f"'{path}', line {line}, column '{name}' needs a target, got ''. Fill it in or drop the row.")
    return cell


def _no_number(path: Path, line: int, names: list[str], cells: list[str]) -> DataError:
    name, cell = next((name, cell) for name, cell in zip(names, cells, strict=True) if not _is_number(cell))
    remedy = "Encode text as numbers, or drop the column." if cell else "Fill it in or drop the row."
    shown = cell if len(cell) <= 60 else f"{cell[:60]}..."
    return DataError(f"'{path}', line {line}, column '{name}' needs a number, got {shown!r}. {remedy}")


def _target(cells: list[str]) -> HostArray:
    for parse, dtype in ((int, np.int64), (float, np.float64)):
        try:
            return np.array([parse(cell) for cell in cells], dtype=dtype)
        except (ValueError, OverflowError):  # text; a whole number beyond 64 bits
            continue
    return np.array(cells)


def _looks_like_data(header: list[str]) -> bool:
    """Whether all names are numbers, as when the header is missing; 0, 1, 2, ... is how some tools name columns."""
    return all(map(_is_number, header)) and header != [str(i) for i in range(len(header))]


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _listing(header: list[str], most: int = 20) -> str:
    more = f" and {len(header) - most} more" if len(header) > most else ""
    return "the columns " + ", ".join(f"'{name}'" for name in header[:most]) + more
