"""Scaled exponential linear unit.  u pre-activation, v value; any shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from bpframe.plugin import Array, ops

SCALE = 1.0507009873554804934193349852946
ALPHA = 1.6732632423543772848170429916717
FLOOR = SCALE * ALPHA  # one number, so that v + FLOOR is exactly 0 where exp(u) vanishes


@final
@dataclass(frozen=True)
class Selu:
    """v = scale u for u > 0, else scale alpha (exp(u) - 1); phi'(u) = scale for v > 0, else v + scale alpha.

    scale = 1.0507 and alpha = 1.6733 make mean 0 and variance 1 a fixed point from layer to layer, given weights from
    lecun_normal and alpha_dropout for dropout. At u = 0 the derivative is scale alpha, the slope from below.
    Source: Klambauer et al. (2017), Self-normalizing neural networks, arXiv:1706.02515, equation 2.
    """

    kinks: ClassVar[tuple[float, ...]] = (0.0,)

    @property
    def range(self) -> str:
        """Above -scale alpha."""
        return f"({-FLOOR}, inf)"

    def value(self, u: Array) -> Array:
        """scale u above 0, scale alpha expm1(u) below, shape of u."""
        xp = ops.namespace(u)
        return SCALE * xp.maximum(u, 0) + FLOOR * xp.expm1(xp.minimum(u, 0))  # one of the two is 0

    def derivative(self, v: Array) -> Array:
        """scale above 0, v + scale alpha below, shape of v."""
        return ops.namespace(v).where(v > 0, SCALE, v + FLOOR)
