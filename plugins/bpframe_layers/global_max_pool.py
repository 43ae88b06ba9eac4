"""Maximum of each channel over all of space (global, pool).  Shapes: x (B, *S, C), y and dy (B, C)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, final

from bpframe.plugin import Array, Cache, Context, Params, ops
from bpframe_layers.global_pooling import GlobalPooling


@final
@dataclass(frozen=True)
class GlobalMaxPool(GlobalPooling):
    """y = the largest number of each channel over all axes but batch and channels; dx = dy where it first stood.

    Rows of any number of axes, channels last, become rows of one: what stands between convolutions and dense layers.
    Source: Lin, Chen and Yan (2013), Network in network, arXiv:1312.4400, section 3.2.
    """

    NAME: ClassVar[str] = "global_max_pool"

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Cache]:
        """(y, (x with one axis of space, the shape of x))."""
        xp = ops.namespace(x)
        cells = xp.reshape(x, (x.shape[0], math.prod(x.shape[1:-1]), x.shape[-1]))
        return xp.max(cells, axis=1), (cells, x.shape)

    def backward(self, params: Params, cache: Cache, dy: Array, context: Context) -> tuple[Array | None, Params]:
        """dy at the first of the largest numbers."""
        if not context.need_dx:
            return None, {}
        cells, shape = cache
        xp = ops.namespace(cells)
        first = xp.argmax(cells, axis=1, keepdims=True)  # not cells == y: a compiler may round them anew, equal to no y
        here: Any = xp.arange(cells.shape[1], **ops.placement(cells))[None, :, None] == first
        return xp.reshape(xp.astype(here, dy.dtype) * dy[:, None, :], shape), {}
