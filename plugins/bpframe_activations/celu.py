"""Continuously differentiable exponential linear unit.  u pre-activation, v value; any shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from bpframe.plugin import Array, checks, ops


@final
@dataclass(frozen=True)
class Celu:
    """v = u for u > 0, else alpha (exp(u / alpha) - 1); phi'(u) = 1 for v > 0, else v / alpha + 1.

    Unlike elu it has slope 1 at 0 for every alpha.
    Source: Barron (2017), Continuously differentiable exponential linear units, arXiv:1704.07483.
    """

    alpha: float = 1.0

    def __post_init__(self) -> None:
        checks.positive("celu", alpha=self.alpha)
        checks.finite("celu", alpha=self.alpha)

    @property
    def range(self) -> str:
        """Above -alpha."""
        return f"({-float(self.alpha)}, inf)"

    def value(self, u: Array) -> Array:
        """u above 0, alpha expm1(u / alpha) below, shape of u."""
        xp = ops.namespace(u)
        return xp.maximum(u, 0) + self.alpha * xp.expm1(xp.minimum(u, 0) / self.alpha)  # one of the two is 0

    def derivative(self, v: Array) -> Array:
        """1 above 0, v / alpha + 1 below, shape of v."""
        return ops.namespace(v).minimum(v, 0) / self.alpha + 1
