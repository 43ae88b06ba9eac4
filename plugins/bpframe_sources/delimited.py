"""Delimited text as a table: the fast reader first, and the exact one where that is in doubt."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import BinaryIO

import numpy as np

from bpframe.plugin import HostArray, parse_cells, parse_number
from bpframe_sources.blocks import Doubt, read_blocks
from bpframe_sources.dialect import Dialect
from bpframe_sources.records import NoNumber, read_header, read_records


def select(
    file: BinaryIO, dialect: Dialect, numbers: Sequence[str], texts: Sequence[str], gaps: Collection[str] = ()
) -> tuple[HostArray, Mapping[str, Sequence[str]]]:
    """(float64 (N, n) of the columns `numbers`, the cells of `texts` by name, none empty but those of `gaps`)."""
    x, cells = _read(file, dialect, numbers, texts, gaps)
    if dialect.decimal == ".":
        return x, cells
    return x, {name: _with_points(column, dialect.decimal) for name, column in cells.items()}


def _read(
    file: BinaryIO, dialect: Dialect, numbers: Sequence[str], texts: Sequence[str], gaps: Collection[str]
) -> tuple[HostArray, dict[str, list[str]]]:
    """The same with cells as they stand in the file."""
    try:
        return read_blocks(file, dialect, numbers, texts, gaps)
    except Doubt:
        return read_records(file, dialect, numbers, texts, gaps)


def _with_points(cells: Sequence[str], decimal: str) -> Sequence[str]:
    """The cells of a column of numbers with points for decimal signs; those of any other column as they are."""
    try:
        for cell in filter(None, cells):
            parse_number(cell, decimal)
    except ValueError:
        return cells
    return [cell.replace(decimal, ".") for cell in cells]


def read_columns(file: BinaryIO, dialect: Dialect) -> dict[str, HostArray]:
    """Every column by name: int64 or float64 where each cell is a number, else text, in which cells may be empty."""
    header = read_header(file, dialect)
    numbers = list(header)
    while True:
        texts = [name for name in header if name not in numbers]
        try:
            x, cells = _read(file, dialect, numbers, texts, texts)
            break
        except NoNumber as error:
            numbers.remove(error.name)
    columns = dict(zip(numbers, map(_whole, x.T), strict=True))
    return {name: columns[name] if name in columns else parse_cells(cells[name], dialect.decimal) for name in header}


def _whole(column: HostArray) -> HostArray:
    """The column as int64 if its numbers are whole, and so small that float64 holds them exactly."""
    exact = bool((np.abs(column) < 2.0**53).all() and (column == np.trunc(column)).all())
    return column.astype(np.int64) if exact else column
