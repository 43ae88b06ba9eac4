"""Linear algebra (linalg): matrix products in forms faster than the standard's where there are any.  a, b matrices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bpframe.ops import host_products, row_sums
from bpframe.ops.host import HOST_TYPES, MAX_ROW, MIN_ROWS, namespace, on_host
from bpframe.types import Array, HostArray

LONG_ROW, MIN_LONG = 16, 512  # numbers in a row, and rows, above which products in single precision lose by columns
MIN_PRODUCT = 2**20  # multiplications, from which BLAS computes short rows in half the time where they stay rows
TILE = 512  # numbers that a bias repeated for several rows has

MATMUL_TN: dict[object, Callable[[Array, Array], Array]] = {}  # faster forms of matmul_tn, by array namespace


def inner(a: Array, b: Array) -> Array:
    """sum(a b) over all elements: the inner product of two arrays of one shape, any shape; a single number."""
    host: Any = a
    if type(a) in HOST_TYPES:
        total: Array = np.vdot(host, b)
    else:  # in XLA twice as fast as the sum of a product
        xp = namespace(a)
        total = xp.vecdot(xp.reshape(a, (-1,)), xp.reshape(b, (-1,)))
    return total


def matmul(a: Array, b: Array) -> Array:
    """a b, (B, n), (n, m) -> (B, m); in NumPy in column-major order where the result has many short rows.

    Elementwise operations on it, and with one row for all (a bias), keep that order (see `by_columns`). It depends on
    B, m and dtype alone, so a layer's output and its slopes have one order.
    """
    if type(a) not in HOST_TYPES:
        return a @ b
    if b.shape[1] <= MAX_ROW and a.shape[0] >= MIN_ROWS and not (b.shape[1] > LONG_ROW and _is_long(a)):
        return host_products.host_matmul(b.T, a.T).T
    return host_products.host_matmul(a, b)


def affine(x: Array, w: Array, b: Array | None, training: bool) -> Array:
    """x w + b, (B, n), (n, m), (m,) -> (B, m), b may be left out.

    In training as `matmul`, for the passes that follow. In evaluation a large product of single precision stays in
    row-major order in NumPy, in which BLAS takes half the time.
    """
    if not training and type(x) in HOST_TYPES and x.shape[0] * w.size >= MIN_PRODUCT and _are_short(x, w):
        rows: Array = on_host(_affine_rows, x, w, b)
        return rows
    u = matmul(x, w)
    if b is not None:
        u += b
    return u


def matmul_tn(a: Array, b: Array) -> Array:
    """a^T b, (B, n), (B, m) -> (n, m): the sum of the rows' outer products, as in the gradient of a weight."""
    if type(a) in HOST_TYPES:  # before the look-up below, which on small arrays costs as much as the product
        if a.shape[0] > row_sums.MAX_RUN and a.dtype == np.float32:
            long: Array = on_host(_long_product, a, b)
            return long
        return host_products.host_matmul(a.T, b)
    faster = MATMUL_TN.get(namespace(a))
    return a.T @ b if faster is None else faster(a, b)


def sum_rows(x: Array) -> Array:
    """The sum over rows, of x (B, ...) the shape of a row: the gradient of what is added to every row alike.

    On the host in float32 it is right to the last digits for any number of rows (see `bpframe.ops.row_sums`).
    """
    return namespace(x).sum(x, axis=0)


def _long_product(a: Any, b: Any) -> Any:
    return row_sums.long_product(host_products.host_matmul, a, b)


def _is_long(a: Any) -> bool:
    return bool(a.shape[0] > MIN_LONG and a.dtype == np.float32)


def _are_short(x: Any, w: Any) -> bool:
    """Whether products of rows x are short rows of single precision."""
    return bool(x.dtype == w.dtype == np.float32 and w.shape[1] <= TILE)


def _affine_rows(x: HostArray, w: HostArray, b: HostArray | None) -> HostArray:
    """x w + b in row-major order, b added to several rows at a time, since NumPy takes as long for each short one."""
    u = host_products.host_matmul(x, w)
    if b is None:
        return u
    n, m = u.shape
    even = n - n % (at_once := max(1, TILE // m)) if np.shape(b) == (m,) else 0
    if even:
        u[:even].reshape(-1, at_once * m)[...] += np.tile(b, at_once)
    rest = u[even:] if even else u
    rest += b
    return u
