"""Mish.  Shapes: u pre-activation, v = u tanh(softplus(u)) value any, alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from bpframe.plugin import Array, Cache, Context, Params, Shape, ops

FULL = 20.0  # from here on tanh(softplus(u)) is 1 to the last digit


@final
@dataclass(frozen=True)
class Mish:
    """v = u t, t = tanh(log(1 + exp(u))); phi'(u) = t + u sigmoid(u) (1 - t^2).

    With e = exp(u) and n = e (e + 2), t = n / (n + 2): one exponential, and no cancellation in t or 1 - t.
    A layer that keeps the derivative: v falls to -0.309 at u = -1.192 and rises on both sides, so one value has two
    slopes; e, from which both follow, is at hand in the forward pass.
    Source: Misra (2019), Mish: a self regularized non-monotonic activation function, arXiv:1908.08681.
    """

    range: ClassVar[str] = "[-0.309, inf)"

    def init(self, rng: np.random.Generator, in_shape: Shape) -> tuple[Params, Shape]:
        """No parameters; rows keep their shape."""
        return {}, in_shape

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Cache]:
        """(v, phi'(u))."""
        xp = ops.namespace(x)
        u = xp.minimum(x, FULL)
        e = xp.exp(u)
        n = e * (e + 2)
        t, rest = n / (n + 2), 2 / (n + 2)  # rest = 1 - t
        return x * t, t + u * (e / (1 + e)) * rest * (1 + t)

    def backward(self, params: Params, cache: Cache, dy: Array, context: Context) -> tuple[Array | None, Params]:
        """dy phi'(u)."""
        return dy * cache, {}
