"""Masks of rows: which of the rows of a batch count.  mask (B,) of booleans, x (B, ...)."""

from __future__ import annotations

from typing import Any

from bpframe.ops.host import namespace
from bpframe.types import Array


def along_rows(mask: Array, x: Array) -> Array:
    """The mask with as many axes as x, (B, 1, ..., 1)."""
    return namespace(mask).reshape(mask, (-1,) + (1,) * (x.ndim - 1))


def counted_rows(mask: Array | None, x: Array) -> Any:
    """How many rows of x count: B without a mask, otherwise a 0-d number in x's dtype."""
    if mask is None:
        return x.shape[0]
    xp = namespace(x)
    return xp.sum(xp.astype(mask, x.dtype))
