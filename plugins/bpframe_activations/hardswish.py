"""Piecewise quadratic swish.  Shapes: u pre-activation, h = clip(u / 6 + 1/2, 0, 1) and v = u h any, alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from bpframe.plugin import Array, Cache, Context, Params, Shape
from bpframe_activations.hard_sigmoid import HardSigmoid


@final
@dataclass(frozen=True)
class Hardswish:
    """v = u h, h = hard_sigmoid(u); phi'(u) = h + u h': 0 up to u = -3, u / 3 + 1/2 between, 1 from u = 3 on.

    At the kinks -3 and 3 the derivative is the outer one, 0 and 1.
    A layer that keeps u: v falls to -3/8 at u = -3/2 and rises on both sides, so one value has two slopes.
    Source: Howard et al. (2019), Searching for MobileNetV3, arXiv:1905.02244, section 5.2.
    """

    kinks: ClassVar[tuple[float, ...]] = (-3.0, 3.0)
    range: ClassVar[str] = "[-0.375, inf)"

    def init(self, rng: np.random.Generator, in_shape: Shape) -> tuple[Params, Shape]:
        """No parameters; rows keep their shape."""
        return {}, in_shape

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Cache]:
        """(v, u)."""
        return x * HardSigmoid().value(x), x

    def backward(self, params: Params, cache: Cache, dy: Array, context: Context) -> tuple[Array | None, Params]:
        """dy (h + u h')."""
        h = HardSigmoid().value(cache)
        return dy * (h + cache * HardSigmoid().derivative(h)), {}
