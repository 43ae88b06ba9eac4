"""Average of each channel over all of space (global, pool).  Shapes: x (B, *S, C), y and dy (B, C)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, final

from bpframe.plugin import Array, Cache, Context, Params, ops
from bpframe_layers.global_pooling import GlobalPooling


@final
@dataclass(frozen=True)
class GlobalAvgPool(GlobalPooling):
    """y = the mean of each channel over all axes but batch and channels, m numbers; dx = dy / m.

    Rows of any number of axes, channels last, become rows of one: what stands between convolutions and dense layers.
    Source: Lin, Chen and Yan (2013), Network in network, arXiv:1312.4400, section 3.2.
    """

    NAME: ClassVar[str] = "global_avg_pool"

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
