"""Cells of a text table: which number one holds, and what a column of them is.

Numbers are written as in C: a sign, ASCII digits with a point, an exponent; or inf, infinity, nan in any case. Python
takes more ("1_000", digits of other scripts), which no other reader of tables does. Past the range of float64 they are
rounded as IEEE 754 has it: "1e400" is inf.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bpframe.types import HostArray


def parse_number(cell: str, decimal: str = ".") -> float:
    """The float64 nearest to what the cell says; ValueError if that is no number."""
    if decimal != ".":
        if "." in cell:
            raise ValueError(f"a number with the decimal sign {decimal!r} has no point")
        cell = cell.replace(decimal, ".")
    if "_" in cell or not cell.isascii():
        raise ValueError("not a number")
    return float(cell)


def parse_cells(cells: Sequence[str], decimal: str = ".") -> HostArray:
    """Cells as int64, float64 or text (N,), the first that fits every one."""
    if all(cell.isascii() and "_" not in cell for cell in cells):
        try:
            return np.array([int(cell) for cell in cells], dtype=np.int64)
        except (ValueError, OverflowError):  # no whole number, or one beyond 64 bits
            pass
        try:
            return np.array([parse_number(cell, decimal) for cell in cells], dtype=np.float64)
        except ValueError:
            pass
    return np.array(cells, dtype=np.str_)


def listing(names: Sequence[str], most: int = 20) -> str:
    """ "the columns 'a', 'b'": what errors say of a table's names."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return "the columns " + ", ".join(f"'{name}'" for name in names[:most]) + more
