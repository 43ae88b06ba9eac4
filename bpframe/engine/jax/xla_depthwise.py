"""Depthwise convolution on engine jax: sums over places of slices times weights, which XLA makes in one pass.

XLA's own depthwise convolution on a CPU takes 20 to 50 times as long, and a sum over rows and space at once four times:
what is written here are sums of arrays, number by number, of which compilers make vector instructions. Padding stays
out of them but where it is that of the windows, since XLA computes it anew for each number that it adds; in the slope
of the kernels a barrier stands behind it.
Shapes: x (B, *S, C), w (*K, 1, F), dy (B, *O, F), F a multiple of C.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from bpframe.ops.barrier import barrier
from bpframe.ops.convolution import PLAIN
from bpframe.ops.windows import Windows, pad, window_views
from bpframe.types import Shape

TERMS = 16  # positions along the first axis that are added up in one pass


def depthwise_dx(dy: Any, w: Any, windows: Windows, space: Shape, channels: int) -> Any:
    """dx (B, *space, C): with stride 1 the depthwise convolution of dy with the kernels turned round."""
    if set(windows.stride) != {1}:
        return PLAIN["depthwise_dx"](dy, w, windows, space, channels)
    kernels = jnp.flip(w, range(len(space)))
    dx: Any = PLAIN["depthwise"](dy, kernels, windows.turned(space, dy.shape[1:-1]))
    return dx if dx.shape[-1] == channels else dx.reshape(*dx.shape[:-1], channels, -1).sum(axis=-1)


def depthwise_dw(x: Any, dy: Any, windows: Windows) -> Any:
    """dw (*K, 1, F): up to TERMS positions of the first axis added up in one pass, the rest by a product with ones."""
    f, length = dy.shape[-1], dy.shape[1]
    count = -(-length // TERMS)
    terms = length // count
    stretches = [slice(k, count * terms, terms) for k in range(terms)]
    rest = [slice(k, k + 1) for k in range(count * terms, length)]

    def total(view: Any) -> Any:
        view = jnp.repeat(view, f // x.shape[-1], axis=-1)
        passes = [sum(view[:, part] * dy[:, part] for part in parts) for parts in (stretches, rest) if parts]
        rows = [jnp.reshape(each, (-1, f)) for each in passes]
        return sum(jnp.ones(len(each), dy.dtype) @ each for each in rows)

    padded = barrier(pad(x, windows.padding))
    views = window_views(padded, windows.without_padding())
    return jnp.stack([total(view) for view in views]).reshape(*windows.size, 1, f)
