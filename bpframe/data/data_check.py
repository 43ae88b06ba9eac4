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
CHUNK = 4096  # rows whose digests are made at a time
HEAD = 1000  # rows that mostly show that a column is nothing of the kind
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
    """(N,) a digest of each row: equal rows have equal ones, and others but by a chance of 2^-64."""
    flat = rows.reshape(len(rows), -1)
    factors = np.random.default_rng(0).integers(2**63, size=flat.shape[1], dtype=np.uint64) | np.uint64(1)
    keys = np.empty(len(flat), np.uint64)
    for start in range(0, len(flat), CHUNK):
        part = flat[start : start + CHUNK].astype(np.float64) + 0.0  # -0.0 is 0.0
        keys[start : start + CHUNK] = _mixed(part.view(np.uint64)) @ factors
    return keys


def _mixed(bits: HostArray) -> HostArray:
    """Bits of numbers spread over all places: those of whole numbers end in zeros."""
    bits ^= bits >> np.uint64(32)
    bits *= np.uint64(0xD6E8FEB86659FD93)
    bits ^= bits >> np.uint64(32)
    return bits


def _columns(x: HostArray, y: HostArray, names: Sequence[str], part: str) -> Iterator[str]:
    """What columns show by themselves."""
    constant, giving, numbering = list[str](), list[str](), list[str]()
    single = y.dtype.names is None and y.size == len(y)
    known = np.array([value is not None and value == value for value in y.reshape(-1)]) if single else np.False_
    target = y.reshape(-1)[known] if known.any() else y[:0]
    classes, numbers = np.unique(target, return_inverse=True) if len(target) else ((), None)
    for name, column in zip(names, np.ascontiguousarray(x.T), strict=True):
        if (column == column[0]).all():
            constant.append(name)
        elif numbers is not None and _gives(column[known], target, numbers, len(classes)):
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


def _gives(column: HostArray, y: HostArray, numbers: HostArray, classes: int) -> bool:
    """Whether a column gives y, whose classes have these numbers, or gives it as numbers."""
    few = 1 < classes <= FEWER_VALUES * len(y)
    return _gives_classes(column, numbers, classes) if few else y.dtype.kind in "fiu" and _gives_numbers(column, y)


def _gives_numbers(column: HostArray, y: HostArray) -> bool:
    a, b = column - column.mean(dtype=np.float64), y - y.mean(dtype=np.float64)
    return bool((a @ b) ** 2 >= CORRELATED * (a @ a) * (b @ b) > 0)


def _gives_classes(column: HostArray, numbers: HostArray, classes: int) -> bool:
    """Whether each value of a column belongs to one class, or each class to one stretch of its values."""
    if len(column) > HEAD and _stretches(column[:HEAD], numbers[:HEAD], classes) is None:
        return False  # mostly so, and soon known
    found = _stretches(column, numbers, classes)
    return found is not None and (found[0] <= FEWER_VALUES * len(column) or found[1] == classes)


def _stretches(column: HostArray, numbers: HostArray, classes: int) -> tuple[int, int] | None:
    """(different values, stretches of values of one class); None where a value belongs to several classes."""
    values, at = np.unique(column, return_inverse=True)
    least, most = np.full(len(values), classes), np.full(len(values), -1)
    np.minimum.at(least, at, numbers)
    np.maximum.at(most, at, numbers)
    return None if (least != most).any() else (len(values), 1 + int(np.count_nonzero(least[1:] != least[:-1])))


def _is_numbering(column: HostArray) -> bool:
    return _is_unique_whole(column[:HEAD]) and _is_unique_whole(column)


def _is_unique_whole(column: HostArray) -> bool:
    return bool((column == np.round(column)).all() and len(np.unique(column)) == len(column))
