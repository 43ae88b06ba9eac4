"""Sigmoid linear unit, or swish.  Shapes: u pre-activation, s = sigmoid(u) and v = u s any, alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from bpframe.plugin import Array, Cache, Context, Params, Shape
from bpframe_activations.sigmoid import Sigmoid


@final
@dataclass(frozen=True)
class Silu:
    """v = u sigmoid(u); phi'(u) = s + v (1 - s).

    A layer that keeps s and v: v falls to -0.278 at u = -1.278 and rises on both sides, so one value has two slopes.
    Source: Elfwing, Uchibe and Doya (2018), Sigmoid-weighted linear units, arXiv:1702.03118.
    """

    range: ClassVar[str] = "[-0.279, inf)"

    def init(self, rng: np.random.Generator, in_shape: Shape) -> tuple[Params, Shape]:
        """No parameters; rows keep their shape."""
        return {}, in_shape

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Cache]:
        """(v, (s, v))."""
        s = Sigmoid().value(x)
        v = x * s
        return v, (s, v)

    def backward(self, params: Params, cache: Cache, dy: Array, context: Context) -> tuple[Array | None, Params]:
        """dy (s + v (1 - s))."""
        s, v = cache
        return dy * (s + v * (1 - s)), {}
