"""Arrays aligned to 64 bytes: a cache line, and the widest vector registers.

NumPy aligns its own to 16 bytes. Every other read of a long elementwise operation then crosses from one cache line to
the next, which takes up to a sixth of its time, and XLA copies such an array before it reads it.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from bpframe.types import HostArray, Shape

CACHE_LINE = 64  # bytes
MIN_BYTES = 2**14  # of an array, from which alignment matters


def empty(shape: Shape, dtype: DTypeLike, strides: tuple[int, ...] | None = None) -> HostArray:
    """An aligned array, not filled; its pages take memory when they are first written. `strides`: without gaps."""
    return _allocate(np.empty, shape, np.dtype(dtype), strides)


def zeros(shape: Shape, dtype: DTypeLike) -> HostArray:
    """An aligned array of zeros; its pages take memory when they are first written."""
    return _allocate(np.zeros, shape, np.dtype(dtype), None)


def align(leaf: object) -> Any:
    """An aligned copy of a contiguous array of `MIN_BYTES` or more that is not aligned; anything else as it is."""
    if not isinstance(leaf, np.ndarray) or leaf.nbytes < MIN_BYTES or not leaf.flags.forc:
        return leaf
    if leaf.ctypes.data % CACHE_LINE == 0:
        return leaf
    copy = empty(leaf.shape, leaf.dtype, leaf.strides)
    copy[...] = leaf
    return copy


def _allocate(
    raw_bytes: Callable[[int, type[np.uint8]], HostArray],
    shape: Shape,
    dtype: np.dtype[Any],
    strides: tuple[int, ...] | None,
) -> HostArray:
    """An array at the first cache line of a slightly longer block of bytes."""
    raw = raw_bytes(prod(shape) * dtype.itemsize + CACHE_LINE, np.uint8)
    return np.ndarray(shape, dtype, raw, offset=-raw.ctypes.data % CACHE_LINE, strides=strides)
