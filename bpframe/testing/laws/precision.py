"""float32 next to float64, and dtypes that are kept: the same for every kind that computes on arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bpframe.testing.laws.comparison import arrays_in, close, require, scale

Compute = Callable[[np.dtype[Any]], Any]  # from a dtype to a structure of arrays, computed on inputs of that dtype
DTYPES = (np.dtype(np.float32), np.dtype(np.float64))


def kept(compute: Compute) -> None:
    """CheckFailed unless every array has the dtype of what came in."""
    for dtype in DTYPES:
        for place, array in arrays_in(compute(dtype), "result"):
            require(array.dtype == dtype, f"{place} must keep dtype {dtype}, got {array.dtype}")


def agreeing(compute: Compute) -> None:
    """CheckFailed unless float32 gives what float64 gives, to 2e-4 of each number and 1e-5 of the largest."""
    single, double = (dict(arrays_in(compute(dtype), "float32 result")) for dtype in DTYPES)
    for place, array in single.items():
        close(place, array, double[place], 2e-4, 1e-5 * scale(double[place]))
