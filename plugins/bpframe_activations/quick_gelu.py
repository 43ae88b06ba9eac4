"""Gaussian error linear unit by a sigmoid.  Shapes: u, s = sigmoid(1.702 u) and v = u s any, alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from bpframe.plugin import Array, Cache, Context, Params, Shape
from bpframe_activations.sigmoid import Sigmoid

SLOPE = 1.702


@final
@dataclass(frozen=True)
class QuickGelu:
    """v = u sigmoid(1.702 u), which is within 0.021 of gelu; phi'(u) = s + 1.702 v (1 - s).

    A layer that keeps s and v: v falls to -0.164 at u = -0.751 and rises on both sides, so one value has two slopes.
    Source: Hendrycks and Gimpel (2016), Gaussian error linear units, arXiv:1606.08415, section 2.
    """

    range: ClassVar[str] = "[-0.171, inf)"

    def init(self, rng: np.random.Generator, in_shape: Shape) -> tuple[Params, Shape]:
        """No parameters; rows keep their shape."""
        return {}, in_shape

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Cache]:
        """(v, (s, v))."""
        s = Sigmoid().value(SLOPE * x)
        v = x * s
        return v, (s, v)

    def backward(self, params: Params, cache: Cache, dy: Array, context: Context) -> tuple[Array | None, Params]:
        """dy (s + 1.702 v (1 - s))."""
        s, v = cache
        return dy * (s + SLOPE * v * (1 - s)), {}
