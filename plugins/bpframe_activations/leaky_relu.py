"""Rectified linear unit that leaks.  u pre-activation, v value; any shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from bpframe.plugin import Array, checks, ops


@final
@dataclass(frozen=True)
class LeakyRelu:
    """v = u for u > 0, else negative_slope u; phi'(u) = 1 for v > 0, else negative_slope (also at u = 0).

    negative_slope is above 0, so that v has the sign of u. Its default is that of the paper and of PyTorch; in Keras
    the function has 0.2 and the layer 0.3.
    Source: Maas, Hannun and Ng (2013), Rectifier nonlinearities improve neural network acoustic models.
    """

    negative_slope: float = 0.01
    range: ClassVar[str] = "(-inf, inf)"

    def __post_init__(self) -> None:
        checks.positive("leaky_relu", negative_slope=self.negative_slope)
        checks.finite("leaky_relu", negative_slope=self.negative_slope)

    @property
    def kinks(self) -> tuple[float, ...]:
        """Where the derivative jumps: at 0, unless the slope is 1."""
        return () if self.negative_slope == 1 else (0.0,)

    def value(self, u: Array) -> Array:
        """u above 0, negative_slope u below, shape of u."""
        xp = ops.namespace(u)
        return xp.maximum(u, 0) + self.negative_slope * xp.minimum(u, 0)  # one of the two is 0

    def derivative(self, v: Array) -> Array:
        """1 above 0, negative_slope elsewhere, shape of v."""
        xp = ops.namespace(v)
        return xp.where(v > 0, xp.ones_like(v), self.negative_slope)
