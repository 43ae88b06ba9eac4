"""Barrier: an array that a compiler makes once, for all that reads it, and comparisons that hold where it does not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from bpframe.ops.host import namespace, placement
from bpframe.types import Array

BARRIER: dict[object, Callable[[Any], Any]] = {}  # by array namespace: what keeps an array of it as it is


def barrier(x: Array) -> Array:
    """x itself; what reads it sees the same bits.

    x any shape. A compiler may compute x anew where it is read, and round it otherwise there: the largest number is
    then not the maximum, `x == max(x)` holds nowhere, and a slope is lost. A barrier makes that less likely, not
    impossible: on a CPU XLA may compute x anew all the same. So compare places, or take `where_largest`.
    `jax.lax.optimization_barrier` on engine jax; nothing in NumPy.
    """
    keep = BARRIER.get(namespace(x))
    return x if keep is None else keep(x)


def where_largest(x: Array, y: Array, axis: int) -> Array:
    """Where x equals y, its maximum along an axis: booleans like x, all of several alike, and never none.

    x any shape, y that of x without the axis. A compiler that computes x anew may find nothing equal to y, whatever
    barrier stands before it. With one the first place of the largest number counts too: places are not rounded.
    """
    xp = namespace(x)
    here: Any = x == xp.expand_dims(y, axis=axis)
    if xp not in BARRIER:
        return cast(Array, here)
    first = xp.argmax(x, axis=axis, keepdims=True)
    places = xp.arange(x.shape[axis], **placement(x))
    return xp.logical_or(here, xp.reshape(places, (-1, *(1,) * (x.ndim - 1 - axis % x.ndim))) == first)
