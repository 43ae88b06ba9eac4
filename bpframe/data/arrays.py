"""From what users hand in to what engines train on: checked once, at the door.

Shapes: x (N, n) rows, y (N,) or (N, C), weights (N,). Every error names what is wrong and where.
"""

from __future__ import annotations

import math
import reprlib
from functools import lru_cache
from typing import Any

import numpy as np

from bpframe.errors import DataError, RangeError, ShapeError
from bpframe.types import HostArray, Shape


def inputs(x: Any, dtype: str, shape: Shape | None = None, name: str = "x") -> HostArray:
    """x as a C-contiguous array of numbers of `dtype`, not empty; rows of `shape` where that is known.

    Numbers whose squares `dtype` cannot hold are refused: a gradient multiplies x by what came of x.
    """
    array = as_numbers(x, dtype, name, squares=True)
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


def as_dense(values: Any, name: str) -> HostArray:
    """The values as an array; DataError for what NumPy would take apart or pass over in silence.

    float16 comes back as float32, which holds the same numbers and has room to compute with them.
    """
    if hasattr(values, "toarray"):
        raise DataError(f"{name} needs a dense array, got a sparse {type(values).__name__}. Use {name}.toarray().")
    if np.ma.is_masked(values):
        raise DataError(f"{name} needs every value, got a masked array. Fill what is masked, or remove its rows.")
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise ShapeError(f"{name} needs rows of one length, got rows that differ. ({error})") from None
    return array.astype(np.float32) if array.dtype.kind == "f" and array.dtype.itemsize == 2 else array


def as_numbers(values: Any, dtype: str, name: str, squares: bool = False) -> HostArray:
    """A C-contiguous array of `dtype` whose numbers (and their `squares`) it holds; a copy only where one is needed.

    Booleans become 0 and 1; other numbers are rounded to the nearest that `dtype` holds. DataError for any other type.
    """
    array = as_dense(values, name)
    if array.dtype.kind not in "biuf":
        raise DataError(f"{name} needs numbers, got {array.dtype} ({_sample(array)}). Encode text and dates first.")
    with np.errstate(all="ignore"):
        converted = np.ascontiguousarray(array, dtype=dtype).reshape(array.shape)
    limit = _limit(dtype, squares)
    if not _within(converted, limit):
        where = tuple(int(i) for i in np.argwhere(~(np.abs(converted) <= limit))[0])
        place = f" at row {where[0]}" if where else ""
        place += f", column {', '.join(map(str, where[1:]))}" if len(where) > 1 else ""
        got = f"got {array[where]!s}{place}."
        if not np.isfinite(array[where]):
            raise DataError(f"{name} needs finite numbers, {got} Remove or replace such values.")
        wider = ", or use dtype='float64'" if limit < abs(array[where]) <= _limit("float64", squares) else ""
        raise RangeError(f"{name} needs numbers of at most {limit:.2g} in {dtype}, {got} Scale it{wider}.")
    return converted


def weights(sample_weight: Any, rows: int, dtype: str) -> HostArray | None:
    """Weights (N,) of rows: finite, none negative, not all zero; None stays None."""
    if sample_weight is None:
        return None
    w = as_numbers(sample_weight, "float64", "sample_weight")
    if w.shape != (rows,):
        raise ShapeError(f"sample_weight needs one number a row, shape ({rows},), got {w.shape}.")
    if (w < 0).any():
        raise DataError(f"sample_weight needs numbers of at least 0, got {w.min()} at row {int(w.argmin())}.")
    if not w.any():
        raise DataError("sample_weight needs a number above 0, but every weight is zero.")
    return np.asarray(w / w.max(), dtype=dtype)  # only ratios matter, and these fit any dtype


def read_only(array: HostArray) -> HostArray:
    """A read-only view."""
    view = np.asarray(array).view()
    view.flags.writeable = False
    return view


def all_finite(array: HostArray) -> bool:
    """Whether no number is NaN or infinite."""
    return _within(array, _limit(array.dtype, squares=False))


@lru_cache(maxsize=16)
def _limit(dtype: str | np.dtype[Any], squares: bool) -> float:
    """The largest number that `dtype` holds, or whose square it holds."""
    largest = float(np.finfo(dtype).max)
    return math.sqrt(largest) if squares else largest


def _within(array: HostArray, limit: float) -> bool:
    """Whether no number is NaN or beyond ±limit: one product shows it, but where it overflows each is looked at."""
    return math.isfinite(np.vdot(array, array)) or bool((np.abs(array) <= limit).all())


def _sample(array: HostArray) -> str:
    return ", ".join(map(reprlib.repr, array.ravel()[:3].tolist()))
