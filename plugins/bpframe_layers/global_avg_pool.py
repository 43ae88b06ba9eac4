"""Average of each channel over all of space (global, pool).  Shapes: x (B, *S, C), y and dy (B, C)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

import numpy as np

from bpframe.plugin import Array, Cache, Context, HostArray, Params, Shape, ShapeError, ops


@final
@dataclass(frozen=True)
class GlobalAvgPool:
    """y = the mean of each channel over all axes but batch and channels, m numbers; dx = dy / m.

    Rows of any number of axes, channels last, become rows of one: what stands between convolutions and dense layers.
    Source: Lin, Chen and Yan (2013), Network in network, arXiv:1312.4400, section 3.2.
    """

    def example_input(self, rng: np.random.Generator) -> HostArray:
        """Rows of 3 x 2 with 4 channels (3, ...)."""
        return rng.normal(size=(3, 3, 2, 4))

    def init(self, rng: np.random.Generator, in_shape: Shape) -> tuple[Params, Shape]:
        """No parameters; rows (C,)."""
        if len(in_shape) < 2:
            raise ShapeError(
                f"global_avg_pool needs rows with axes of space, (..., channels), got {in_shape}. Leave it out."
            )
        return {}, in_shape[-1:]

    def range_after(self, inputs: str | None) -> str | None:
        """That of the inputs."""
        return inputs

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Cache]:
        """(y, the shape of x)."""
        return ops.namespace(x).mean(x, axis=tuple(range(1, x.ndim - 1))), x.shape

    def backward(self, params: Params, cache: Cache, dy: Array, context: Context) -> tuple[Array | None, Params]:
        """The same share of dy for each number."""
        if not context.need_dx:
            return None, {}
        xp, space = ops.namespace(dy), cache[1:-1]
        share = xp.reshape(dy / math.prod(space), (cache[0], *(1 for _ in space), cache[-1]))
        return xp.broadcast_to(share, cache) + 0.0, {}
