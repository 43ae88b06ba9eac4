"""Common code of average pooling.  Shapes: x (B, *S, C), y and dy (B, *O, C), counts (*O, 1)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from math import prod
from typing import Any, cast

import numpy as np

from bpframe.plugin import Array, Cache, Context, HostArray, Params, Shape, ops
from bpframe_layers.pooling import Pooling


@dataclass(frozen=True)
class AveragePooling(Pooling):
    """The mean of each window."""

    count_padding: bool = False

    def range_after(self, inputs: str | None) -> str | None:
        """That of the inputs, unless zeros of the padding count."""
        return None if self.count_padding else inputs

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Cache]:
        """(y, the shape of x)."""
        windows, _ = self.windows(x.shape[1:])
        total = reduce(lambda a, b: a + b, ops.window_views(x, windows))
        return self._divided(total, windows, x.shape[1:-1]), x.shape

    def backward(self, params: Params, cache: Cache, dy: Array, context: Context) -> tuple[Array | None, Params]:
        """The share of each window, added where it saw a number."""
        if not context.need_dx:
            return None, {}
        windows, _ = self.windows(cache[1:])
        share = self._divided(dy, windows, cache[1:-1])
        return ops.spread([share] * len(windows.places()), windows, cache[1:-1]), {}

    def _divided(self, y: Any, windows: ops.Windows, space: Shape) -> Array:
        """y over the numbers of each window."""
        if self.count_padding or not any(map(any, windows.padding)):
            return cast(Array, y / prod(windows.size))
        xp = ops.namespace(y)
        return cast(Array, y / xp.asarray(_counts(windows, space), dtype=y.dtype, **ops.placement(y)))


def _counts(windows: ops.Windows, space: Shape) -> HostArray:
    """How many cells of each window are no padding (*O, 1)."""
    ones = ops.window_views(np.ones((1, *space, 1)), windows)
    total: HostArray = np.asarray(sum(cast(list[Any], ones)))[0]
    return total
