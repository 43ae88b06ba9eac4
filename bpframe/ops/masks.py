"""Masks of rows: which of the rows of a batch, or of their positions, count.

mask (B,) or (B, *S) of booleans, x (B, ...).
"""

from __future__ import annotations

from typing import Any

from bpframe.ops.host import namespace
from bpframe.types import Array


def along_rows(mask: Array, x: Array) -> Array:
    """The mask with as many axes as x, (B, 1, ..., 1), or (B, *S, 1, ..., 1) of positions."""
    return namespace(mask).reshape(mask, mask.shape + (1,) * (x.ndim - mask.ndim))


def counted_rows(mask: Array | None, x: Array) -> Any:
    """How many rows of x count: B without a mask, otherwise a 0-d number in x's dtype; of positions, how many do."""
    if mask is None:
        return x.shape[0]
    xp = namespace(x)
    return xp.sum(xp.astype(mask, x.dtype))


def any_position(mask: Array) -> Array:
    """(B,) whether a row counts at any position; a mask (B,) is itself."""
    return mask if mask.ndim == 1 else namespace(mask).any(mask, axis=tuple(range(1, mask.ndim)))


def mask_of(context: Any, x: Array) -> Array | None:
    """Which numbers of x count: of its positions where x has an axis of features behind them, otherwise of its rows.

    None where all do, and in the context of an earlier bpframe.
    """
    counts: Array | None = getattr(context, "counts", None)
    if counts is None:
        return getattr(context, "mask", None)
    by_position = counts.ndim < x.ndim and x.shape[: counts.ndim] == counts.shape
    return counts if by_position else any_position(counts)
