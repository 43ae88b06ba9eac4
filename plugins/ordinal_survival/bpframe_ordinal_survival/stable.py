"""Stable forms of functions of a logit z, any shape: exp(-|z|) alone, so nothing overflows."""

from __future__ import annotations

from typing import Any

from bpframe.plugin import Array, ops


def sigmoid(z: Any) -> Any:
    """1 / (1 + exp(-z))."""
    xp = ops.namespace(z)
    e = xp.exp(-abs(z))
    return xp.where(z >= 0, 1.0, e) / (1 + e)


def softplus(z: Array) -> Any:
    """log(1 + exp(z)) = -log(1 - sigmoid(z))."""
    xp = ops.namespace(z)
    return xp.maximum(z, xp.zeros_like(z)) + xp.log1p(xp.exp(-abs(z)))
