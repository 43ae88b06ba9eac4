"""Target gaps: values of y that are missing, NaN, for losses that take them.

Shapes: y (N,) or (N, C), target (N, M).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from bpframe.data.columns import column_names
from bpframe.data.dense import as_dense, kind_of
from bpframe.errors import DataError
from bpframe.protocols import SeveralHeads
from bpframe.protocols.implements import implements
from bpframe.protocols.traits import takes_missing
from bpframe.types import HostArray


def columns_with_gaps(loss: object, targets: Sequence[str]) -> tuple[str, ...]:
    """Those columns of a target whose values may be missing to a loss; of heads by other names all, where one may."""
    heads = loss.parts() if implements(loss, SeveralHeads) else {}
    taking = {name for name, (head, _) in heads.items() if takes_missing(head)}
    if set(heads) == set(targets):
        return tuple(name for name in targets if name in taking)
    return tuple(targets) if taking or takes_missing(loss) else ()


def is_text(y: HostArray) -> bool:
    """Whether labels are text, though some of them be missing."""
    known = (value for value in y.tolist() if value is not None) if y.dtype.kind == "O" else ()
    return y.dtype.kind in "UT" or isinstance(next(iter(known), None), str)


def filled(y: HostArray) -> tuple[HostArray, HostArray | None]:
    """(y with the first value of its column that is there in the place of each gap, where gaps are; None: nowhere)."""
    if y.dtype.kind != "f" or not (gaps := np.isnan(y)).any():
        return y, None
    if gaps.all(axis=0).any():
        raise DataError("y needs a value in every column, got NaN alone. Leave such a column out.")
    first = np.take_along_axis(y, gaps.argmin(axis=0)[None], axis=0)
    return np.where(gaps, first, y), gaps


def filled_labels(y: ArrayLike) -> tuple[ArrayLike, HostArray | None]:
    """(y with the first label in the place of each gap, where gaps (N,) are), of text or booleans; None: no gaps."""
    array = as_dense(y, "y") if len(column_names(y, "y") or ()) < 2 else np.empty(0)
    if array.size != len(array) or (array.dtype.kind != "O" and not isinstance(y, list | tuple)):
        return y, None
    values = array.ravel() if array.dtype.kind == "O" else np.asarray(y, dtype=object).ravel()
    gaps = np.array([_is_gap(value) for value in values], dtype=bool)
    texts = sum(isinstance(value, str) for value in values)
    if not gaps.any() or gaps.all() or texts not in (0, np.count_nonzero(~gaps)):  # others are named with the labels
        return y, None
    return np.asarray(np.where(gaps, values[gaps.argmin()], values).tolist()), gaps


def _is_gap(value: object) -> bool:
    return kind_of(value) == "missing" or (isinstance(value, float) and value != value)


def with_gaps(target: HostArray, gaps: HostArray | None) -> HostArray:
    """The target with NaN where y had it, in the whole row where a target is not made value by value."""
    if gaps is None:
        return target
    places: HostArray = gaps if gaps.ndim == 2 else gaps[:, None]
    if places.shape != target.shape:
        places = np.asarray(places.any(axis=1))[:, None]
    return np.where(places, np.asarray(np.nan, target.dtype), target)
