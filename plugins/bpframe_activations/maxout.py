"""Maxout.  Shapes: u (..., k m), as k pieces of m numbers side by side, v (..., m)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from bpframe.plugin import Array, Cache, Context, Params, Shape, ShapeError, checks, ops


@final
@dataclass(frozen=True)
class Maxout:
    """v_j = max of u_ij over the k pieces i; du_ij = dv_j where u_ij is the largest, shared where several are.

    With affine u before it a convex function in `pieces` straight parts, learned for each unit: dense(64,
    activation=maxout(2)) has 32 outputs.
    Source: Goodfellow et al. (2013), Maxout networks, arXiv:1302.4389, equation in section 2.
    """

    pieces: int = 2
    range: ClassVar[str] = "(-inf, inf)"

    def __post_init__(self) -> None:
        checks.whole("maxout", 2, pieces=self.pieces)

    @classmethod
    def example_configs(cls) -> list[dict[str, int]]:
        """As many pieces as rows of four numbers have parts."""
        return [{"pieces": 2}, {"pieces": 4}]

    def init(self, rng: np.random.Generator, in_shape: Shape) -> tuple[Params, Shape]:
        """No parameters; the last axis divided by k. ShapeError where it is no multiple of k."""
        k = self.pieces
        if not in_shape or in_shape[-1] % k:
            raise ShapeError(f"maxout needs rows whose last axis has {k} equal pieces, got {in_shape}.")
        return {}, (*in_shape[:-1], in_shape[-1] // k)

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Cache]:
        """(v, (which numbers are the largest (..., k, m), how many of a unit's))."""
        xp = ops.namespace(x)
        x = ops.barrier(x)
        u = xp.reshape(x, (*x.shape[:-1], self.pieces, x.shape[-1] // self.pieces))
        v = xp.max(u, axis=-2)
        largest = xp.astype(ops.where_largest(u, v, -2), x.dtype)
        return v, (largest, xp.sum(largest, axis=-2))

    def backward(self, params: Params, cache: Cache, dy: Array, context: Context) -> tuple[Array | None, Params]:
        """dv / how many, to each of the largest."""
        largest, count = cache
        du = largest * (dy / count)[..., None, :]
        return ops.namespace(dy).reshape(du, (*dy.shape[:-1], self.pieces * dy.shape[-1])), {}
