"""Tanh shrinkage.  Shapes: u pre-activation, t = tanh(u) and v = u - t any, alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from bpframe.plugin import Array, Cache, Context, Params, Shape, ops


@final
@dataclass(frozen=True)
class Tanhshrink:
    """v = u - tanh(u); phi'(u) = tanh(u)^2.

    A layer that keeps t = tanh(u): v has one slope each, but no closed formula leads from v to it. Near 0, where v is
    about u^3 / 3, its error is a rounding error of u, not of v.
    """

    range: ClassVar[str] = "(-inf, inf)"

    def init(self, rng: np.random.Generator, in_shape: Shape) -> tuple[Params, Shape]:
        """No parameters; rows keep their shape."""
        return {}, in_shape

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Cache]:
        """(v, t)."""
        t = ops.namespace(x).tanh(x)
        return x - t, t

    def backward(self, params: Params, cache: Cache, dy: Array, context: Context) -> tuple[Array | None, Params]:
        """dy t^2."""
        return dy * cache * cache, {}
