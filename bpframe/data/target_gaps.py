"""Target gaps: values of y that are missing, NaN, for losses that take them.

Shapes: y (N,) or (N, C), target (N, M).
"""

from __future__ import annotations

import numpy as np

from bpframe.errors import DataError
from bpframe.types import HostArray


def filled(y: HostArray) -> tuple[HostArray, HostArray | None]:
    """(y with the first value of its column that is there in the place of each gap, where gaps are; None: nowhere)."""
    if y.dtype.kind != "f" or not (gaps := np.isnan(y)).any():
        return y, None
    if gaps.all(axis=0).any():
        raise DataError("y needs a value in every column, got NaN alone. Leave such a column out.")
    first = np.take_along_axis(y, gaps.argmin(axis=0)[None], axis=0)
    return np.where(gaps, first, y), gaps


def with_gaps(target: HostArray, gaps: HostArray | None) -> HostArray:
    """The target with NaN where y had it, in the whole row where a target is not made value by value."""
    if gaps is None:
        return target
    places: HostArray = gaps if gaps.ndim == 2 else gaps[:, None]
    if places.shape != target.shape:
        places = np.asarray(places.any(axis=1))[:, None]
    return np.where(places, np.asarray(np.nan, target.dtype), target)
