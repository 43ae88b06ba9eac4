"""Charbonnier loss.  Shapes: z (B, C) scores, target (B, C)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from bpframe.plugin import Array, checks, ops


@final
@dataclass(frozen=True)
class Charbonnier:
    """With r = z - y: loss = sum_c sqrt(r_c^2 + eps^2) - eps; delta = r / sqrt(r^2 + eps^2).

    `eps` is in units of y: |r| far beyond it, r^2 / (2 eps) well below. As eps -> 0, mae.
    Source: Charbonnier et al. (1994), Two deterministic half-quadratic regularization algorithms for computed imaging.
    """

    eps: float = 1e-3
    link: ClassVar[str] = "identity"

    def __post_init__(self) -> None:
        checks.positive("charbonnier", eps=self.eps)

    def value_and_delta(self, scores: Array, target: Array) -> tuple[Array, Array]:
        """(loss (B,), delta (B, C))."""
        r = scores - target
        xp = ops.namespace(r)
        s = xp.hypot(r, xp.full_like(r, self.eps))
        return xp.sum(r * (r / (s + self.eps)), axis=-1), r / s  # s - eps would lose a small r's digits
