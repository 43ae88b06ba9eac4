"""Snake.  Shapes: u and v (B, ..., n), frequency a (n,)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from bpframe.plugin import Array, Cache, Context, Params, Shape, checks, ops


@final
@dataclass(frozen=True)
class Snake:
    """v = u + sin^2(a u) / a; du = dv (1 + sin(2 a u)); da = sum of dv (u sin(2 a u) / a - sin^2(a u) / a^2).

    Rises as the identity and keeps a period, so that networks carry one on beyond the data. A frequency for each
    feature is learned, from `initial` on.
    Source: Ziyin, Hartwig and Ueda (2020), Neural networks fail to learn periodic functions and how to fix it,
    arXiv:2006.08195, equation 3.
    """

    initial: float = 1.0
    range: ClassVar[str] = "(-inf, inf)"

    def __post_init__(self) -> None:
        checks.positive("snake", initial=self.initial)

    def init(self, rng: np.random.Generator, in_shape: Shape) -> tuple[Params, Shape]:
        """{"frequency": `initial` for each feature, (n,)}; rows keep their shape."""
        return {"frequency": np.full(in_shape[-1:], self.initial)}, in_shape

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Cache]:
        """(v, u)."""
        a = params["frequency"]
        sine = ops.namespace(x).sin(a * x)
        return x + sine * sine / a, x

    def backward(self, params: Params, cache: Cache, dy: Array, context: Context) -> tuple[Array | None, Params]:
        """(dv (1 + sin(2 a u)), or None; {"frequency"})."""
        xp, a, u = ops.namespace(dy), params["frequency"], cache
        sine, double = xp.sin(a * u), xp.sin(2 * a * u)
        slope = dy * (u * double - sine * sine / a) / a
        gradients = {"frequency": xp.sum(slope, axis=tuple(range(dy.ndim - 1)))}
        return (dy * (1 + double) if context.need_dx else None), gradients
