"""Check of data before a training: rows in two parts, columns that give the target, constant and id-like columns.

Shapes: x (N, n) rows or (N, ...), y (N,) labels or numbers, or (N, M) targets.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from bpframe.data.columns import column_names, name_list
from bpframe.data.frames import as_real_rows
from bpframe.types import HostArray

FEW_ROWS = 20  # below which a column may fit a target by chance
OWN_ROWS = 0.5  # share of different rows in a part from which a row that stands twice is the same one
FEWER_VALUES = 0.5  # values of a column over rows, up to which values that are classes say something
CORRELATED = 1 - 1e-9  # square of the correlation of a column that is the target in other units


def data_sentences(parts: Mapping[str, Sequence[Any]]) -> list[str]:
    """What is odd about the parts (x, y, ...) of data by name, "train" first, a sentence each; none where nothing is.

    x is an array or a table. Columns are those of rows of one axis; of other rows only whole rows are compared. A
    column gives the target alone where each of its values, or each stretch of them, belongs to one class, or where the
    target is a linear function of it; one is id-like where it holds whole numbers, each once.
    """
    rows = {name: as_real_rows(part[0], name) for name, part in parts.items()}
    found = [sentence for pair in combinations(rows, 2) for sentence in _shared_rows(*((p, rows[p]) for p in pair))]
    first = next(iter(parts))
    x, y = rows[first], np.asarray(parts[first][1])
    if x.ndim == 2 and len(x) >= FEW_ROWS:
        names = column_names(parts[first][0]) or tuple(map(str, range(x.shape[1])))
        found += _columns(x, y, names, first)
    return found


def _shared_rows(one: tuple[str, HostArray], other: tuple[str, HostArray]) -> Iterator[str]:
    """Rows that stand in two parts, whose rows mostly differ otherwise."""
    (a, rows), (b, others) = one, other
    if rows.shape[1:] != others.shape[1:]:
        return
    known, place = np.unique(_keys(rows), return_index=True)
    keys = _keys(others)
    if len(known) < OWN_ROWS * len(rows):
        return
    at = np.minimum(np.searchsorted(known, keys), len(known) - 1)
    if (shared := np.flatnonzero(known[at] == keys)).size:
        row = int(shared[0])
        yield (
            f"{shared.size} of {len(keys)} rows of {b} stand in {a} too: row {row} of {b} is row {place[at[row]]} of "
            f"{a}. What {b} shows is then no measure of new rows."
        )


def _keys(rows: HostArray) -> HostArray:
    """The bytes of each row as one value."""
    flat = np.ascontiguousarray(rows.reshape(len(rows), -1), dtype=np.float64) + 0.0  # -0.0 is 0.0
    return flat.view(np.dtype((np.void, flat.shape[1] * flat.itemsize))).reshape(-1)


def _columns(x: HostArray, y: HostArray, names: Sequence[str], part: str) -> Iterator[str]:
    """What columns show by themselves."""
    constant, giving, numbering = list[str](), list[str](), list[str]()
    target = y.reshape(len(y), -1)
    for name, column in zip(names, x.T, strict=True):
        if (column == column[0]).all():
            constant.append(name)
        elif target.shape[1] == 1 and _gives(column, target[:, 0]):
            giving.append(name)
        elif _is_numbering(column):
            numbering.append(name)
    if constant:
        yield f"{part} x has one value in every row of: {name_list(constant)}. Leave out what says nothing."
    if giving:
        yield (
            f"{part} x gives the target by one column alone: {name_list(giving)}. Look at whether that is known before "
            "the target is."
        )
    if numbering:
        listed = name_list(numbering)
        yield f"{part} x has a whole number of its own in each row, as an id is, in: {listed}. Leave it out."


def _gives(column: HostArray, y: HostArray) -> bool:
    return _gives_classes(column, y) or (y.dtype.kind in "fiu" and _gives_numbers(column, y))


def _gives_numbers(column: HostArray, y: HostArray) -> bool:
    a, b = column - column.mean(dtype=np.float64), y - y.mean(dtype=np.float64)
    return bool((a @ b) ** 2 >= CORRELATED * (a @ a) * (b @ b) > 0)


def _gives_classes(column: HostArray, y: HostArray) -> bool:
    """Whether each value of a column belongs to one class, or each class to one stretch of its values."""
    classes, numbers = np.unique(y, return_inverse=True)
    if not 1 < len(classes) <= FEWER_VALUES * len(y):
        return False
    values, at = np.unique(column, return_inverse=True)
    least, most = np.full(len(values), len(classes)), np.full(len(values), -1)
    np.minimum.at(least, at, numbers)
    np.maximum.at(most, at, numbers)
    if (least != most).any():
        return False
    stretches = 1 + np.count_nonzero(least[1:] != least[:-1])
    return len(values) <= FEWER_VALUES * len(y) or stretches == len(classes)


def _is_numbering(column: HostArray) -> bool:
    return bool((column == np.round(column)).all() and len(np.unique(column)) == len(column))
