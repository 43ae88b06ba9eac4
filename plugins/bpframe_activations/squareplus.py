"""Algebraic softplus.  u pre-activation, v = (u + sqrt(u^2 + b)) / 2 value; any shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from bpframe.plugin import Array, checks, ops


@final
@dataclass(frozen=True)
class Squareplus:
    """v = (u + sqrt(u^2 + b)) / 2; phi'(u) = v^2 / (v^2 + b / 4).

    b sets the width of the bend: b = 4 has the curvature of softplus at 0, b = (2 log 2)^2 its value; b -> 0 gives
    relu. The negative tail falls as b / (4 |u|), so it keeps a slope where softplus has none.
    Source: Barron (2021), Squareplus: a softplus-like algebraic rectifier, arXiv:2112.11687, equation 1.
    """

    b: float = 4.0
    range: ClassVar[str] = "(0, inf)"

    def __post_init__(self) -> None:
        checks.positive("squareplus", b=self.b)
        checks.finite("squareplus", b=self.b)

    def value(self, u: Array) -> Array:
        """w = (|u| + sqrt(u^2 + b)) / 2 for u >= 0, else b / (4 w), which cancels nothing; shape of u."""
        xp = ops.namespace(u)
        w = (abs(u) + xp.hypot(u, xp.full_like(u, ops.square_root(self.b)))) / 2
        return xp.where(u >= 0, w, self.b / 4 / w)

    def derivative(self, v: Array) -> Array:
        """(v / hypot(v, sqrt(b) / 2))^2, shape of v: v^2 may overflow."""
        xp = ops.namespace(v)
        root = v / xp.hypot(v, xp.full_like(v, ops.square_root(self.b) / 2))
        return root * root
