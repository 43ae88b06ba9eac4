"""Common code of maximum pooling.  Shapes: x (B, *S, C), y and dy (B, *O, C)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from bpframe.plugin import Array, Cache, Context, Params, ops
from bpframe_layers.pooling import Pooling


@dataclass(frozen=True)
class MaxPooling(Pooling):
    """The largest number of each window."""

    def range_after(self, inputs: str | None) -> str | None:
        """That of the inputs."""
        return inputs

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Cache]:
        """(y, (x, y)); padding is -inf, so that it is never the largest."""
        xp, (windows, _) = ops.namespace(x), self.windows(x.shape[1:])
        x = ops.barrier(x)
        first, *others = ops.window_views(x, windows, -math.inf)
        y = first
        for part in others:
            y = xp.maximum(y, part)
        return y, (x, y)

    def backward(self, params: Params, cache: Cache, dy: Array, context: Context) -> tuple[Array | None, Params]:
        """dy where the largest number stood; of several alike where the first of them did."""
        if not context.need_dx:
            return None, {}
        x, y = cache
        xp, (windows, _) = ops.namespace(x), self.windows(x.shape[1:])
        left: Any = dy
        parts = []
        for part in ops.window_views(x, windows, -math.inf):
            here = part == y
            parts.append(xp.where(here, left, 0.0))
            left = xp.where(here, 0.0, left)
        return ops.spread(parts, windows, x.shape[1:-1]), {}
