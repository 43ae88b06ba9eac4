"""Checks and conversion of a user's arrays to those that engines train on.

Shapes: x (N, n) rows, y (N,) or (N, C), weights (N,). Every error names what is wrong and where.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from bpframe.data.columns import NamedRows, Names, column_names
from bpframe.data.dense import place_text
from bpframe.data.frames import as_real_rows
from bpframe.errors import DataError, RangeError, ShapeError
from bpframe.types import HostArray, Shape

Targets = ArrayLike | Mapping[str, ArrayLike]  # y of one head, or of several by name


def inputs(x: object, dtype: str, shape: Shape | None = None, name: str = "x") -> HostArray:
    """x as a C-contiguous array of numbers of `dtype`, not empty; rows of `shape` where that is known.

    Numbers whose squares `dtype` cannot hold are refused: a gradient multiplies x by what came of x.
    """
    ready = x.ready if isinstance(x, NamedRows) else None
    array = ready.x if ready and ready.x.dtype == dtype else as_numbers(x, dtype, name, squares=True)
    if array.ndim < 2:
        raise ShapeError(
            f"{name} needs rows and columns, got shape {array.shape}. "
            f"For one column: {name}.reshape(-1, 1); for one row: {name}[None]."
        )
    if array.size == 0:
        raise DataError(f"{name} needs at least one row and one column, got shape {array.shape}.")
    if shape is not None and array.shape[1:] != shape:
        raise ShapeError(f"{name} needs rows of shape {shape}, as in the first fit, got {array.shape[1:]}.")
    return array


def as_numbers(values: object, dtype: str, name: str, squares: bool = False, gaps: bool = False) -> HostArray:
    """A C-contiguous array of `dtype` whose numbers (and their `squares`) it holds; a copy only where one is needed.

    NaN is a number where there may be `gaps`.
    Booleans become 0 and 1; other numbers are rounded to the nearest that `dtype` holds; tables are read column by
    column where their types differ. DataError for any other type.
    """
    limit, own = _limit(dtype, squares), _dtype(dtype)
    if type(values) is np.ndarray and values.dtype == own and values.flags.c_contiguous and _within(values, limit):
        return values
    array = values if type(values) is np.ndarray and values.dtype.kind in "biu" else as_real_rows(values, name)
    with np.errstate(all="ignore"):
        converted = np.ascontiguousarray(array, dtype=dtype).reshape(array.shape)
    if not _within(np.nan_to_num(converted, posinf=np.inf, neginf=-np.inf) if gaps else converted, limit):
        raise _other_numbers(array, converted, dtype, name, (squares, gaps), column_names(values))
    return converted


def _other_numbers(
    array: HostArray, converted: HostArray, dtype: str, name: str, kind: tuple[bool, bool], columns: Names | None
) -> DataError:
    """The error for the first number that a dtype does not hold; `kind`: whether squares are to be, and gaps may be."""
    squares, gaps = kind
    limit = _limit(dtype, squares)
    outside = np.abs(converted) > limit
    where = tuple(int(i) for i in np.argwhere(outside if gaps else outside | np.isnan(converted))[0])
    got = f"got {array[where]!s}{f' at {place_text(where, columns)}' if where else ''}."
    if not np.isfinite(array[where]):
        error = DataError(f"{name} needs finite numbers, {got} Remove or replace such values.")
    else:
        wider = ", or use dtype='float64'" if limit < abs(array[where]) <= _limit("float64", squares) else ""
        error = RangeError(f"{name} needs numbers of at most {limit:.2g} in {dtype}, {got} Scale it{wider}.")
    error.row = where[0] if where else None
    return error


def weights(sample_weight: object, rows: int, dtype: str, axes: Shape = ()) -> HostArray | None:
    """Weights (N,) of rows, or (N, *axes) of positions: finite, none negative, not all zero; None stays None."""
    if sample_weight is None:
        return None
    w = as_numbers(sample_weight, "float64", "sample_weight")
    if w.shape not in ((rows,), (rows, *axes)):
        one = f", or one a position, {(rows, *axes)}" if axes else ""
        raise ShapeError(f"sample_weight needs one number a row, shape ({rows},){one}, got {w.shape}.")
    if (w < 0).any():
        row = int(w.argmin()) // math.prod(w.shape[1:])
        raise DataError(f"sample_weight needs numbers of at least 0, got {w.min()} at row {row}.")
    if not w.any():
        raise DataError("sample_weight needs a number above 0, but every weight is zero.")
    return np.asarray(w / w.max(), dtype=dtype)  # only ratios matter, and these fit any dtype


def ratios(weight: HostArray, dtype: np.dtype[Any]) -> HostArray:
    """Weights (N,) in a dtype: divided by the largest if it does not hold them, since only ratios matter."""
    with np.errstate(over="ignore", under="ignore"):
        held = weight.astype(dtype)
        if not (np.finfo(dtype).smallest_normal <= held.max() <= _limit(dtype, squares=True)):
            held = (weight / weight.max()).astype(dtype)
    return np.asarray(held)


def read_only(array: HostArray) -> HostArray:
    """A read-only view."""
    view = np.asarray(array).view()
    view.setflags(write=False)
    return view


def all_finite(array: HostArray) -> bool:
    """Whether no number is NaN or infinite."""
    return math.isfinite(np.vdot(array, array)) or _within(array, _limit(array.dtype, squares=False))


@lru_cache(maxsize=16)
def _limit(dtype: str | np.dtype[Any], squares: bool) -> float:
    """The largest number that `dtype` holds, or whose square it holds."""
    largest = float(np.finfo(dtype).max)
    return math.sqrt(largest) if squares else largest


_dtype = lru_cache(maxsize=16)(np.dtype)  # with which to compare is faster than with its name


def _within(array: HostArray, limit: float) -> bool:
    """Whether no number is NaN or beyond ±limit: one product shows it, but where it overflows each is looked at."""
    return math.isfinite(np.vdot(array, array)) or bool((np.abs(array) <= limit).all())
