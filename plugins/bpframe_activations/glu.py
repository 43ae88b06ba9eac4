"""Gated linear unit.  Shapes: u (..., 2 n) = (a, b), s = sigmoid(b) and v (..., n)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from bpframe.plugin import Array, Cache, Context, Params, Shape, ShapeError, ops
from bpframe_activations.sigmoid import Sigmoid


@final
@dataclass(frozen=True)
class Glu:
    """v = a s, s = sigmoid(b), a and b the halves of u's last axis; da = dv s, db = dv v (1 - s).

    A layer, since it halves its rows; it keeps s and v, and so needs neither a nor b in the backward pass.
    Source: Dauphin et al. (2017), Language modeling with gated convolutional networks, arXiv:1612.08083, equation 1.
    """

    range: ClassVar[str] = "(-inf, inf)"

    def init(self, rng: np.random.Generator, in_shape: Shape) -> tuple[Params, Shape]:
        """No parameters; the last axis halved. ShapeError where it is odd."""
        if not in_shape or in_shape[-1] % 2:
            raise ShapeError(f"glu needs rows whose last axis has two halves, got {in_shape}. Make that width even.")
        return {}, (*in_shape[:-1], in_shape[-1] // 2)

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Cache]:
        """(v, (s, v))."""
        n = x.shape[-1] // 2
        s = Sigmoid().value(x[..., n:])
        v = x[..., :n] * s
        return v, (s, v)

    def backward(self, params: Params, cache: Cache, dy: Array, context: Context) -> tuple[Array | None, Params]:
        """(dv s, dv v (1 - s)), side by side."""
        s, v = cache
        return ops.namespace(dy).concat([dy * s, dy * v * (1 - s)], axis=-1), {}
