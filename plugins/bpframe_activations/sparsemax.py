"""Sparsemax over the last axis.  Shapes: u (..., C) scores, v (..., C) probabilities, tau (..., 1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from bpframe.plugin import Array, Cache, Context, Params, Shape, ops


@final
@dataclass(frozen=True)
class Sparsemax:
    """v = the point of the probability simplex nearest to u = max(u - tau, 0), tau such that the row sums to 1.

    With S = {i: v_i > 0} the backward pass is du_i = dv_i - mean of dv over S for i in S, else 0. Where u_i = tau, i
    counts as outside of S: there v has a kink. A layer, since every output depends on its row; it keeps the value v
    alone.
    Source: Martins and Astudillo (2016), From softmax to sparsemax, arXiv:1602.02068, algorithm 1.
    """

    range: ClassVar[str] = "simplex"

    def init(self, rng: np.random.Generator, in_shape: Shape) -> tuple[Params, Shape]:
        """No parameters; rows keep their shape."""
        return {}, in_shape

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Cache]:
        """(probabilities, the same); tau is the largest of all (sum of the k largest u - 1) / k."""
        xp = ops.namespace(x)
        z = x - xp.max(x, axis=-1, keepdims=True)  # only differences count
        sums = xp.cumulative_sum(-xp.sort(-z, axis=-1), axis=-1)
        counts = xp.arange(1, x.shape[-1] + 1, dtype=x.dtype, **ops.placement(x))
        tau = xp.max((sums - 1) / counts, axis=-1, keepdims=True)
        v = xp.maximum(z - tau, 0)
        return v, v

    def backward(self, params: Params, cache: Cache, dy: Array, context: Context) -> tuple[Array | None, Params]:
        """dy less its mean over S, in S; 0 elsewhere."""
        xp = ops.namespace(dy)
        inside = xp.astype(cache > 0, dy.dtype)
        mean = xp.sum(inside * dy, axis=-1, keepdims=True) / xp.sum(inside, axis=-1, keepdims=True)
        return inside * (dy - mean), {}
