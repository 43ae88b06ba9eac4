"""Common code of maximum pooling.  Shapes: x (B, *S, C), y and dy (B, *O, C)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, cast

from bpframe.plugin import Array, Cache, Context, Params, ops
from bpframe_layers.pooling import Pooling


@dataclass(frozen=True)
class MaxPooling(Pooling):
    """The largest number of each window."""

    def range_after(self, inputs: str | None) -> str | None:
        """That of the inputs."""
        return inputs

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Cache]:
        """(y, x); padding is -inf, so that it is never the largest."""
        xp, (windows, _) = ops.namespace(x), self.windows(x.shape[1:])
        first, *others = ops.window_views(x, windows, -math.inf)
        y = first
        for part in others:
            y = xp.maximum(y, part)
        return y, x

    def backward(self, params: Params, cache: Cache, dy: Array, context: Context) -> tuple[Array | None, Params]:
        """dy where the largest number stood; of several alike where the first of them did."""
        if not context.need_dx:
            return None, {}
        xp, (windows, _) = ops.namespace(cache), self.windows(cache.shape[1:])
        y, *others = ops.window_views(cache, windows, -math.inf)
        larger: list[Any] = []  # than all before it; not `part == y`: a compiler may round part anew, equal to no y
        for part in others:
            larger.append(part > cast(Any, y))
            y = xp.maximum(y, part)
        left, parts = dy, list[Array]()
        for wins in reversed(larger):
            parts.append(xp.where(wins, left, 0.0))
            left = xp.where(wins, 0.0, left)
        return ops.spread([left, *reversed(parts)], windows, cache.shape[1:-1]), {}
