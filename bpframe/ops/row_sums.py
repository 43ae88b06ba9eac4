"""Sums over many rows in float32 on the host: of blocks of rows, added in pairs.  x (N, n), a (N, n), b (N, m).

A sum of N numbers one after the other is off by up to N rounding errors, and BLAS sums a column that way: 1e-2 of a
bias's gradient at a million equal rows. In blocks of b rows, whose sums are added in pairs, it is b + log2(N / b).
Source: Higham (1993), The accuracy of floating point summation, SIAM Journal on Scientific Computing 14, section 3.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any, cast

import numpy as np

from bpframe.types import HostArray

MAX_RUN = 1024  # rows up to which a sum is one call of BLAS or NumPy
BLOCK = 128  # rows of a block of a longer sum
PRODUCT_BLOCK = 1024  # rows of a block of a matrix product, which BLAS itself cuts in parts

_ONES = np.ones(BLOCK, np.float32)


def long_run(x: HostArray, axis: Any) -> bool:
    """Whether a sum over `axis` adds more than MAX_RUN numbers of float32 that do not lie side by side."""
    if x.dtype != np.float32 or x.ndim < 2 or x.size <= MAX_RUN:
        return False
    axes = _summed(axis, x.ndim)
    return axes is not None and prod(x.shape[:axes]) > MAX_RUN


def long_sum(x: HostArray, axis: Any, keepdims: bool) -> HostArray:
    """The sum over the first axes of x, of which `long_run` is true."""
    axes = cast(int, _summed(axis, x.ndim))
    total = sum_of_rows(x.reshape(prod(x.shape[:axes]), -1)).reshape(x.shape[axes:])
    return total.reshape((1,) * axes + total.shape) if keepdims else total


def sum_of_rows(x: HostArray) -> HostArray:
    """The sum over the rows of x, (n,)."""
    if not x.flags.c_contiguous and x.flags.f_contiguous:
        return cast(HostArray, np.add.reduce(x, axis=0))  # along the columns NumPy itself adds in blocks and pairs
    count = len(x) // BLOCK
    whole = count * BLOCK
    total = _added_in_pairs(_ONES @ x[:whole].reshape(count, BLOCK, -1))
    return total + _ONES[: len(x) - whole] @ x[whole:] if whole < len(x) else total


def long_product(product: Callable[[Any, Any], HostArray], a: HostArray, b: HostArray) -> HostArray:
    """a^T b by products of blocks of rows; `product` gives that of a pair (n, k), (k, m)."""
    rows = len(a)
    if rows <= PRODUCT_BLOCK:
        return product(a.T, b)
    half = (rows // PRODUCT_BLOCK + 1) // 2 * PRODUCT_BLOCK
    total = long_product(product, a[:half], b[:half])
    total += long_product(product, a[half:], b[half:])
    return total


def _added_in_pairs(parts: HostArray) -> HostArray:
    """The sum over the first axis, of neighbours' sums of sums."""
    while (count := len(parts)) > 1:
        half = count // 2
        sums = parts[:half] + parts[half : 2 * half]
        if count % 2:
            sums[0] += parts[-1]
        parts = sums
    return cast(HostArray, parts[0])


def _summed(axis: Any, ndim: int) -> int | None:
    """How many first axes `axis` is, of which at least one is left; None: it is something else."""
    axes = axis if isinstance(axis, tuple) else (axis,)
    if any(not isinstance(a, int) for a in axes) or len(axes) >= ndim:
        return None
    return len(axes) if sorted(a % ndim for a in axes) == list(range(len(axes))) else None
