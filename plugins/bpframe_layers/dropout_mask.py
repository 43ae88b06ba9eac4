"""The dropout mask that dropout layers share, and what it makes of x.  x (B, ...), mask like x or (B, 1, ..., C)."""

from __future__ import annotations

from bpframe.plugin import Array, Context, number_sets, ops


def keep_mask(rate: float, x: Array, context: Context) -> Array | None:
    """True with probability 1 - rate, each number on its own; None, for all, in evaluation or with rate 0."""
    return context.key.uniform(x) >= rate if context.training and not ops.is_constant(rate, 0) else None


def kept_numbers(kept: Array, x: Array, rate: float) -> Array:
    """x / (1 - rate) where the mask says so, else 0."""
    return ops.namespace(x).where(kept, x * (1 / (1 - rate)), 0.0)


def range_after_dropout(inputs: str | None, rate: float) -> str | None:
    """Of either sign, or of at least 0, as the inputs: what is kept is made larger in training."""
    if inputs is None or ops.is_constant(rate, 0):
        return inputs
    return next(wider for wider in ("[0, inf)", "(-inf, inf)") if number_sets.is_subset(inputs, wider))
