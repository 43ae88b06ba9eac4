"""Adaptive gradient clipping.  p weights (n, m), a column a unit, or a vector, which is one unit; g their gradient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, final

from bpframe.plugin import Array, Hyper, Scope, State, checks, ops


@final
@dataclass(frozen=True)
class AdaptiveClip:
    """g <- g min(1, limit max(||p||, eps) / ||g||), unit by unit: no unit's gradient is long for its weights.

    eps lets units that start at 0 move. The authors leave the last layer alone.
    Source: Brock et al. (2021), High-performance large-scale image recognition without normalization,
    arXiv:2102.06171, equation 3.
    """

    limit: float = 0.01
    eps: float = 0.001
    scope: ClassVar[Scope] = "array"

    def __post_init__(self) -> None:
        checks.positive("adaptive_clip", limit=self.limit, eps=self.eps)

    def init(self, p: Array) -> State:
        """Nothing to remember."""
        return {}

    def transform(self, p: Array, g: Array, state: State, h: Hyper) -> tuple[Array, State]:
        """(g, shorter in the units where it is too long, {})."""
        xp = ops.namespace(g)
        length = _unit_norms(p)
        allowed = h.limit * xp.where(length > h.eps, length, xp.ones_like(length) * h.eps)
        norm = _unit_norms(g)
        return g * (allowed / xp.where(norm > allowed, norm, allowed)), {}

    def golden(self) -> list[tuple[Any, ...]]:
        """By hand: the columns of p have lengths 5 and 0, for which eps stands."""
        p, gradients = [[3.0, 0.0], [4.0, 0.0]], [[[0.3, 6.0], [0.4, 8.0]]]
        return [({"limit": 0.05, "eps": 2.0}, p, gradients, [[[0.15, 0.06], [0.2, 0.08]]])]


def _unit_norms(x: Array) -> Array:
    """The norm of each column of a matrix (1, m), of a vector as a whole (1,)."""
    xp = ops.namespace(x)
    return xp.sqrt(xp.sum(x * x, axis=0, keepdims=True))
