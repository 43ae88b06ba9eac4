"""The focal term of a log probability.  log_p any shape, p = exp(log_p) in [0, 1]."""

from __future__ import annotations

from bpframe.plugin import Array, ops


def focal_term(log_p: Array, gamma: float) -> tuple[Array, Array]:
    """(f, df/dlog p) of f = -(1 - p)^gamma log p, both of log_p's shape.

    With q = 1 - p, df/dlog p = q^gamma (gamma p log p / q - 1); log p / q -> -1 as q -> 0, whatever gamma.
    """
    xp = ops.namespace(log_p)
    p, q = xp.exp(log_p), -xp.expm1(log_p)
    ratio = xp.where(q > 0, log_p / xp.where(q > 0, q, 1.0), -1.0)
    weight = q**gamma
    return -weight * log_p, weight * (gamma * p * ratio - 1)
