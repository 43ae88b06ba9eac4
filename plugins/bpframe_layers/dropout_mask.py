"""The dropout mask that dropout layers share.  x (B, ...), mask like x."""

from __future__ import annotations

from bpframe.plugin import Array, Context, ops


def keep_mask(rate: float, x: Array, context: Context) -> Array | None:
    """True with probability 1 - rate, each number on its own; None, for all, in evaluation or with rate 0."""
    return context.key.uniform(x) >= rate if context.training and not ops.is_constant(rate, 0) else None
