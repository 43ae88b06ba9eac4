"""Arrays that begin at a multiple of 64 bytes: a line of the cache, and the widest registers; and pages that stay.

NumPy's own begin at multiples of 16. Every other read of a long elementwise operation then crosses from one line to the
next, which takes up to a sixth of its time, and XLA copies such an array before it reads it.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from bpframe.types import HostArray, Shape

LINE = 64  # bytes
LONG = 2**14  # bytes of an array, from which it matters


def empty(shape: Shape, dtype: Any, strides: tuple[int, ...] | None = None) -> HostArray:
    """An array that is not filled; pages that nobody writes take no memory. `strides` of one without gaps."""
    return _of(np.empty, shape, np.dtype(dtype), strides)


def zeros(shape: Shape, dtype: Any) -> HostArray:
    """An array of zeros; pages that nobody writes take no memory."""
    return _of(np.zeros, shape, np.dtype(dtype), None)


def placed(leaf: Any) -> Any:
    """The leaf, or a copy that begins at a line, where it is a long array without gaps that does not."""
    if not isinstance(leaf, np.ndarray) or leaf.nbytes < LONG or not leaf.flags.forc or leaf.ctypes.data % LINE == 0:
        return leaf
    copy = empty(leaf.shape, leaf.dtype, leaf.strides)
    copy[...] = leaf
    return copy


def keep_pages() -> None:
    """Raise glibc's thresholds for giving memory back, which otherwise refaults every array above 128 KB each step.

    They follow the largest block freed so far, up to 32 MB: one such block, never touched, is enough for the process.
    """
    np.empty(31 * 2**20, dtype=np.uint8)


def _of(make: Any, shape: Shape, dtype: np.dtype[Any], strides: tuple[int, ...] | None) -> HostArray:
    raw = make(prod(shape) * dtype.itemsize + LINE, np.uint8)
    return np.ndarray(shape, dtype, raw, offset=-raw.ctypes.data % LINE, strides=strides)
