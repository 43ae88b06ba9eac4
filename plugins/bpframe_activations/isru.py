"""Inverse square root unit.  u pre-activation, v = u / sqrt(1 + alpha u^2) value; any shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from bpframe.plugin import Array, checks, ops


@final
@dataclass(frozen=True)
class Isru:
    """v = u / sqrt(1 + alpha u^2), between -1 / sqrt(alpha) and 1 / sqrt(alpha); phi'(u) = (1 - alpha v^2)^(3/2).

    Source: Carlile et al. (2017), Improving deep learning by inverse square root linear units, arXiv:1710.09967.
    """

    alpha: float = 1.0

    def __post_init__(self) -> None:
        checks.positive("isru", alpha=self.alpha)
        checks.finite("isru", alpha=self.alpha)

    @property
    def range(self) -> str:
        """Within 1 / sqrt(alpha) of 0."""
        return f"({-(self.alpha**-0.5)}, {self.alpha**-0.5})"

    def value(self, u: Array) -> Array:
        """u / hypot(1, sqrt(alpha) u), shape of u: nothing is squared that may overflow."""
        xp = ops.namespace(u)
        return u / xp.hypot(xp.ones_like(u), ops.square_root(self.alpha) * u)

    def derivative(self, v: Array) -> Array:
        """(1 - alpha v^2)^(3/2), shape of v; 0 where v was rounded to its bound or beyond it."""
        xp = ops.namespace(v)
        w: Array = ops.square_root(self.alpha) * abs(v)
        rest = xp.maximum(1 - w, 0) * (1 + w)  # 1 - w^2 without its cancellation
        return rest * xp.sqrt(rest)
