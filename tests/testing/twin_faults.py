"""Faults that a component of any kind may have."""

from __future__ import annotations

from typing import Any

import numpy as np


def off(fault: str, array: Any, name: str = "float32", dtype: Any = np.float32) -> Any:
    """The array, rounded to hundredths where that is the fault and the dtype."""
    return np.round(array, 2) if fault == name and array.dtype == dtype else array


def noise(fault: str) -> float:
    """A draw from the global generator where that is the fault."""
    return 1e-9 * np.random.random() if fault == "determinism" else 0.0
