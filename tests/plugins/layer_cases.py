"""Layers with the shapes of their rows, and the arrays to run them on.

Sizes: B rows of 5 numbers, or of (2, 3).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bpframe import tree
from bpframe.network.context import StepContext
from bpframe.random import HashKey

Array = np.ndarray[Any, Any]
KEY = HashKey(17, 4)
TRAINING = StepContext(training=True, need_dx=True, root=KEY)
ROW, BLOCK = (5,), (2, 3)


def rows(layer: Any, shape: tuple[int, ...], count: int = 4, seed: int = 0) -> Array:
    """Normal numbers, or whole ones from 0 to 5 where ids are looked up."""
    rng = np.random.default_rng(seed)
    if "Embedding" in repr(layer):
        return rng.integers(0, 6, (count, *shape)).astype(np.float64)
    return rng.normal(size=(count, *shape))


def drawn(layer: Any, shape: tuple[int, ...], dtype: Any = np.float64, seed: int = 0) -> Any:
    """Initial parameters, all moved a little, so that no scale is 1 and no shift 0."""
    rng = np.random.default_rng(seed + 1)
    made, _ = layer.init(np.random.default_rng(seed), shape)
    return tree.transform(made, lambda leaf: (leaf + 0.1 * rng.normal(size=leaf.shape)).astype(dtype))


def given(layer: Any, x: Array, params: Any = None, context: Any = TRAINING) -> Any:
    """y alone."""
    return layer.forward({} if params is None else params, x, context)[0]
