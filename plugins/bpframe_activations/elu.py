"""Exponential linear unit.  u pre-activation, v value; any shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from bpframe.plugin import Array, checks, ops


@final
@dataclass(frozen=True)
class Elu:
    """v = u for u > 0, else alpha (exp(u) - 1); phi'(u) = 1 for v > 0, else v + alpha.

    At u = 0 the derivative is alpha: the slope from below, where alpha is not 1.
    Source: Clevert, Unterthiner and Hochreiter (2016), arXiv:1511.07289, equation 15.
    """

    alpha: float = 1.0

    def __post_init__(self) -> None:
        checks.positive("elu", alpha=self.alpha)
        checks.finite("elu", alpha=self.alpha)

    @property
    def kinks(self) -> tuple[float, ...]:
        """Where the derivative jumps: at 0, unless alpha is 1."""
        return () if self.alpha == 1 else (0.0,)

    @property
    def range(self) -> str:
        """Above -alpha."""
        return f"({-float(self.alpha)}, inf)"

    def value(self, u: Array) -> Array:
        """u above 0, alpha expm1(u) below, shape of u."""
        xp = ops.namespace(u)
        return xp.maximum(u, 0) + self.alpha * xp.expm1(xp.minimum(u, 0))  # one of the two is 0

    def derivative(self, v: Array) -> Array:
        """1 above 0, v + alpha below, shape of v."""
        return ops.namespace(v).where(v > 0, 1.0, v + self.alpha)
