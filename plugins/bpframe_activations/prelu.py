"""Rectified linear unit with a learned slope.  Shapes: u and v (B, ..., n), slope a (n,), or (1,) for all features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from bpframe.plugin import Array, Cache, Context, Params, Shape, checks, ops


@final
@dataclass(frozen=True)
class Prelu:
    """v = u for u > 0, else a u; du = dv for u > 0, else a dv (also at u = 0); da = sum of dv min(u, 0).

    A feature is a place on the last axis; `shared` gives all of them one slope, as PyTorch does by default.
    A layer that keeps u: where a = 0 nothing leads back from v, and where a < 0 the sign of v says nothing.
    Source: He et al. (2015), Delving deep into rectifiers, arXiv:1502.01852, section 2.1: initial 0.25, and no weight
    decay on slopes.
    """

    initial: float = 0.25
    shared: bool = False
    range: ClassVar[str] = "(-inf, inf)"
    fixed_settings: ClassVar[tuple[str, ...]] = ("initial",)

    def __post_init__(self) -> None:
        checks.finite("prelu", initial=self.initial)

    def init(self, rng: np.random.Generator, in_shape: Shape) -> tuple[Params, Shape]:
        """{"slope": `initial` for each feature, (n,), or for all, (1,)}; rows keep their shape."""
        return {"slope": np.full((1,) if self.shared else in_shape[-1:], self.initial)}, in_shape

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Cache]:
        """(v, u)."""
        xp = ops.namespace(x)
        return xp.maximum(x, 0) + params["slope"] * xp.minimum(x, 0), x  # one of the two is 0

    def backward(self, params: Params, cache: Cache, dy: Array, context: Context) -> tuple[Array | None, Params]:
        """(dv, times a where u <= 0, or None; {"slope": dv min(u, 0) summed over rows, and features if shared})."""
        xp = ops.namespace(dy)
        slope = xp.sum(dy * xp.minimum(cache, 0), axis=tuple(range(dy.ndim - 1)))
        if self.shared:
            slope = xp.sum(slope, keepdims=True)
        return (xp.where(cache > 0, dy, params["slope"] * dy) if context.need_dx else None), {"slope": slope}
