"""The logarithm of softmax, and its backward pass.  z (B, C) scores, p = softmax(z); all arrays (B, C)."""

from __future__ import annotations

from bpframe.plugin import Array, ops


def log_softmax(z: Array) -> tuple[Array, Array]:
    """(log p, p); shifted by the row's maximum, so nothing overflows and log p is finite where p rounds to 0."""
    xp = ops.namespace(z)
    shifted = z - xp.max(z, axis=-1, keepdims=True)
    e = xp.exp(shifted)
    total = xp.sum(e, axis=-1, keepdims=True)
    return shifted - xp.log(total), e / total


def slope_in_scores(g: Array, p: Array) -> Array:
    """dloss/dz from g = dloss/dlog p: g - p sum_c g_c."""
    return g - p * ops.namespace(g).sum(g, axis=-1, keepdims=True)
