"""Products of matrices and vectors, faster than the standard's where they can be.  a, b matrices unless said."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bpframe.ops import thread_team
from bpframe.ops.host import HOSTED, MANY, SHORT, namespace
from bpframe.types import Array

MATMUL_TN: dict[object, Callable[[Array, Array], Array]] = {}  # faster forms, by array namespace


def inner(a: Array, b: Array) -> Array:
    """The sum of a b over all their numbers: the inner product of two arrays of one shape, a single number."""
    host: Any = a
    if type(a) in HOSTED:
        total: Array = np.vdot(host, b)
    else:  # in XLA twice as fast as the sum of a product
        xp = namespace(a)
        total = xp.vecdot(xp.reshape(a, (-1,)), xp.reshape(b, (-1,)))
    return total


def matmul(a: Array, b: Array) -> Array:
    """a b for matrices, (B, n), (n, m) -> (B, m); in NumPy laid out column by column where that is many short rows.

    So are then the results of what is done with it element by element, and with one row for all (a bias).
    """
    if type(a) not in HOSTED:
        return a @ b
    if b.shape[1] <= SHORT and a.shape[0] >= MANY:
        return (b.T @ a.T).T
    return thread_team.matmul(a, b)


def matmul_tn(a: Array, b: Array) -> Array:
    """a^T b, the sum over rows of their outer products: (B, n), (B, m) -> (n, m), the gradient of a weight."""
    if type(a) in HOSTED:  # on small arrays the look-up costs as much as the product
        return thread_team.matmul(a.T, b)
    faster = MATMUL_TN.get(namespace(a))
    return a.T @ b if faster is None else faster(a, b)
