"""Gated linear unit with swish for a gate.  Shapes: u (..., 2 n) = (a, b), s = sigmoid(a) and v (..., n)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from bpframe.plugin import Array, Cache, Context, Params, Shape, ShapeError, ops
from bpframe_activations.sigmoid import Sigmoid


@final
@dataclass(frozen=True)
class Swiglu:
    """v = w b, w = a sigmoid(a), a and b the halves of u's last axis; da = dv b (s + w (1 - s)), db = dv w.

    The gate is the first half, as in the paper and in most language models; that of glu is the second, as in its own.
    A layer, since it halves its rows; it keeps u, since v mixes both halves: s costs less than three arrays more.
    Source: Shazeer (2020), GLU variants improve transformer, arXiv:2002.05202.
    """

    range: ClassVar[str] = "(-inf, inf)"

    def init(self, rng: np.random.Generator, in_shape: Shape) -> tuple[Params, Shape]:
        """No parameters; the last axis halved. ShapeError where it is odd."""
        if not in_shape or in_shape[-1] % 2:
            raise ShapeError(f"swiglu needs rows whose last axis has two halves, got {in_shape}. Make that width even.")
        return {}, (*in_shape[:-1], in_shape[-1] // 2)

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Cache]:
        """(v, u)."""
        a, b = _halves(x)
        return a * Sigmoid().value(a) * b, x

    def backward(self, params: Params, cache: Cache, dy: Array, context: Context) -> tuple[Array | None, Params]:
        """(dv b (s + w (1 - s)), dv w), side by side."""
        a, b = _halves(cache)
        s = Sigmoid().value(a)
        w = a * s
        return ops.namespace(dy).concat([dy * b * (s + w * (1 - s)), dy * w], axis=-1), {}


def _halves(x: Array) -> tuple[Array, Array]:
    n = x.shape[-1] // 2
    return x[..., :n], x[..., n:]
