"""Segments: sums of the rows that share a number.  x (N, m) rows, numbers (N,) of them, from 0 to count - 1."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bpframe.ops.host import HOST_TYPES, namespace, on_host, placement
from bpframe.types import Array

SEGMENT_SUM: dict[object, Callable[[Array, Array, int], Array]] = {}  # faster forms, by array namespace


def segment_sum(x: Array, numbers: Array, count: int) -> Array:
    """(count, m): row k is the sum of the rows of x whose number is k, 0 where there is none: a look-up's gradient.

    In NumPy rows of a number are added in their order. Libraries without a form of their own multiply by the numbers in
    one-hot form, which takes N count numbers.
    """
    if type(x) in HOST_TYPES:
        total: Array = on_host(_sorted_sum, x, numbers, count)
        return total
    xp = namespace(x)
    if (faster := SEGMENT_SUM.get(xp)) is not None:
        return faster(x, numbers, count)
    every = xp.arange(count, dtype=numbers.dtype, **placement(x))
    return xp.astype(numbers[:, None] == every, x.dtype).T @ x


def _sorted_sum(x: Any, numbers: Any, count: int) -> Any:
    """By rows in the order of their numbers."""
    total = np.zeros((count, x.shape[1]), x.dtype)
    if not len(x):
        return total
    order = np.argsort(numbers, kind="stable")
    ranked = np.asarray(numbers)[order]
    starts = np.flatnonzero(np.concatenate([[True], ranked[1:] != ranked[:-1]]))
    total[ranked[starts].astype(np.intp)] = np.add.reduceat(x[order], starts, axis=0)
    return total
