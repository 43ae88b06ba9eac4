"""Linear algebra (linalg): matrix products in forms faster than the standard's where there are any.  a, b matrices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bpframe.ops import row_sums, thread_team
from bpframe.ops.host import HOST_TYPES, MAX_ROW, MIN_ROWS, namespace, on_host
from bpframe.types import Array

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

    Elementwise operations on it, and with one row for all (a bias), keep that order (see `by_columns`).
    """
    if type(a) not in HOST_TYPES:
        return a @ b
    if b.shape[1] <= MAX_ROW and a.shape[0] >= MIN_ROWS:
        return (b.T @ a.T).T
    return thread_team.parallel_matmul(a, b)


def matmul_tn(a: Array, b: Array) -> Array:
    """a^T b, (B, n), (B, m) -> (n, m): the sum of the rows' outer products, as in the gradient of a weight."""
    if type(a) in HOST_TYPES:  # before the look-up below, which on small arrays costs as much as the product
        if a.shape[0] > row_sums.MAX_RUN and a.dtype == np.float32:
            long: Array = on_host(_long_product, a, b)
            return long
        return thread_team.parallel_matmul(a.T, b)
    faster = MATMUL_TN.get(namespace(a))
    return a.T @ b if faster is None else faster(a, b)


def sum_rows(x: Array) -> Array:
    """The sum over rows, of x (B, ...) the shape of a row: the gradient of what is added to every row alike.

    On the host in float32 it is right to the last digits for any number of rows (see `bpframe.ops.row_sums`).
    """
    return namespace(x).sum(x, axis=0)


def _long_product(a: Any, b: Any) -> Any:
    return row_sums.long_product(thread_team.parallel_matmul, a, b)
