"""Softmax over the last axis.  Shapes: u (..., C) scores, v (..., C) probabilities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from bpframe.plugin import Array, Cache, Context, Params, Shape, ops


@final
@dataclass(frozen=True)
class Softmax:
    """v_i = exp(u_i) / sum_j exp(u_j); the backward pass is the whole Jacobian product, du = v (dv - sum_j dv_j v_j).

    A layer, since every output depends on every input of its row; it keeps the value v alone.
    Source: Bridle (1990), Probabilistic interpretation of feedforward classification network outputs.
    """

    range: ClassVar[str] = "simplex"

    def init(self, rng: np.random.Generator, in_shape: Shape) -> tuple[Params, Shape]:
        """No parameters; rows keep their shape."""
        return {}, in_shape

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Cache]:
        """(probabilities, the same); shifted by the row's maximum, so nothing overflows."""
        xp = ops.namespace(x)
        e = xp.exp(x - xp.max(x, axis=-1, keepdims=True))
        v = e / xp.sum(e, axis=-1, keepdims=True)
        return v, v

    def backward(self, params: Params, cache: Cache, dy: Array, context: Context) -> tuple[Array | None, Params]:
        """v (dy - sum of dy v over the row)."""
        v: Array = cache
        return v * (dy - ops.namespace(v).sum(dy * v, axis=-1, keepdims=True)), {}
