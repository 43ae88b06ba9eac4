"""Log-softmax over the last axis.  Shapes: u (..., C) scores, v (..., C) log probabilities, in nats."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from bpframe.plugin import Array, Cache, Context, Params, Shape, ops


@final
@dataclass(frozen=True)
class LogSoftmax:
    """v_i = u_i - log sum_j exp(u_j); the backward pass is the whole Jacobian product, du = dv - exp(v) sum_j dv_j.

    A layer, since every output depends on every input of its row; it keeps the value v alone.
    Source: Bridle (1990), Probabilistic interpretation of feedforward classification network outputs.
    """

    range: ClassVar[str] = "(-inf, 0]"

    def init(self, rng: np.random.Generator, in_shape: Shape) -> tuple[Params, Shape]:
        """No parameters; rows keep their shape."""
        return {}, in_shape

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Cache]:
        """(log probabilities, the same); shifted by the row's maximum, so nothing overflows."""
        xp = ops.namespace(x)
        z = x - xp.max(x, axis=-1, keepdims=True)
        v = z - xp.log(xp.sum(xp.exp(z), axis=-1, keepdims=True))
        return v, v

    def backward(self, params: Params, cache: Cache, dy: Array, context: Context) -> tuple[Array | None, Params]:
        """dy - exp(v) times the sum of dy over the row."""
        xp = ops.namespace(dy)
        return dy - xp.exp(cache) * xp.sum(dy, axis=-1, keepdims=True), {}
