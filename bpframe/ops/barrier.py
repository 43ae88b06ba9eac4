"""Barrier: an array that a compiler makes once, for all that reads it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bpframe.ops.host import namespace
from bpframe.types import Array

BARRIER: dict[object, Callable[[Any], Any]] = {}  # by array namespace: what keeps an array of it as it is


def barrier(x: Array) -> Array:
    """x itself; what reads it sees the same bits.

    x any shape. A compiler may compute x anew where it is read, and round it otherwise there: the largest number is
    then not the maximum, `x == max(x)` holds nowhere, and a slope is lost. So x passes a barrier before it is compared
    with what was made of it. `jax.lax.optimization_barrier` on engine jax; nothing in NumPy.
    """
    keep = BARRIER.get(namespace(x))
    return x if keep is None else keep(x)
