"""Cells of a text table: which number one holds, and what a column of them is.

Numbers are written as in C: a sign, ASCII digits with a point, an exponent; or inf, infinity, nan in any case. Python
takes more ("1_000", digits of other scripts), which no other reader of tables does. Past the range of float64 they are
rounded as IEEE 754 has it: "1e400" is inf.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial

import numpy as np

from bpframe.types import HostArray

WHOLE = re.compile(r"[0-9]+")  # what may be the name of a class


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
    """Cells as int64, float64 or text (N,), the first that fits every one and keeps apart what is written apart.

    So "007" and "7", or two whole numbers beyond 64 bits that float64 rounds to one, are text.
    """
    if all(cell.isascii() and "_" not in cell for cell in cells):
        for parse, dtype in ((int, np.int64), (partial(parse_number, decimal=decimal), np.float64)):
            try:
                numbers = np.array([parse(cell) for cell in cells], dtype=dtype)
            except (ValueError, OverflowError):  # no such number, or a whole one beyond 64 bits
                continue
            whole = {cell for cell in cells if WHOLE.fullmatch(cell)}
            if len({float(cell) if dtype is np.float64 else int(cell) for cell in whole}) == len(whole):
                return numbers
    return np.array(cells, dtype=np.str_)


def parse_target(cells: Sequence[str], text: bool, beside_others: bool) -> HostArray:
    """Cells of a target, of which some may be empty, as `parse_cells`; `text`: as text whatever they look like.

    Where one is empty, float64 has NaN there, and labels None, as have whole numbers that stand alone: others
    (`beside_others`) may become columns of one array.
    """
    known = [cell for cell in cells if cell]
    values = np.array(known, dtype=np.str_) if text else parse_cells(known)
    if len(known) == len(cells):
        return values
    numbers = values.dtype.kind == "f" or not known or (values.dtype.kind == "i" and beside_others)
    filled: HostArray = np.full(len(cells), np.nan) if numbers else np.full(len(cells), None, dtype=object)
    filled[[bool(cell) for cell in cells]] = [] if not known else values if numbers else values.tolist()
    return filled


def listing(names: Sequence[str], most: int = 20) -> str:
    """ "the columns 'a', 'b'": what errors say of a table's names."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return "the columns " + ", ".join(f"'{name}'" for name in names[:most]) + more
