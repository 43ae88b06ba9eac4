"""Precision of array computations: dtypes are preserved, and float32 agrees with float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bpframe.testing.laws.comparison import arrays_in, max_abs, require, require_close

Compute = Callable[[np.dtype[Any]], Any]  # from a dtype to a structure of arrays, computed on inputs of that dtype
DTYPES = (np.dtype(np.float32), np.dtype(np.float64))


def require_dtype_kept(compute: Compute) -> None:
    """CheckFailed unless every array has the dtype of the inputs."""
    for dtype in DTYPES:
        for place, array in arrays_in(compute(dtype), "result"):
            require(array.dtype == dtype, f"{place} must keep dtype {dtype}, got {array.dtype}")


def require_float32_close(compute: Compute) -> None:
    """CheckFailed unless float32 agrees with float64, to 2e-4 of each number and 1e-5 of the largest."""
    single, double = (dict(arrays_in(compute(dtype), "float32 result")) for dtype in DTYPES)
    for place, array in single.items():
        require_close(place, array, double[place], 2e-4, 1e-5 * max_abs(double[place]))
