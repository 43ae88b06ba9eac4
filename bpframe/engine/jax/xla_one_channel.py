"""Convolution of one channel for XLA on a CPU: sums over places forward, products of matrices for both ways back.

XLA's own form has the channels in its innermost loop, which then has one step.
Shapes: x (B, *S, 1), w (*K, 1, F), y and dy (B, *O, F).
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from bpframe.ops.windows import Windows, spread, window_views
from bpframe.types import Array, Shape


def one_channel(x: Any, w: Any, windows: Windows) -> Any:
    """y (B, *O, F): what each place sees, times its kernels."""
    views: list[Any] = list(window_views(x, windows))
    return sum(view * w[(*place, 0)] for view, place in zip(views, windows.places(), strict=True))


def one_channel_dx(dy: Any, w: Any, windows: Windows, space: Shape) -> Array:
    """dx (B, *space, 1): one product for all places, each of which is added where it saw x."""
    products = w.reshape(-1, w.shape[-1]) @ dy.reshape(-1, dy.shape[-1]).T
    return spread(list(products.reshape(-1, *dy.shape[:-1], 1)), windows, space)


def one_channel_dw(x: Any, dy: Any, windows: Windows) -> Any:
    """dw (*K, 1, F): one product with what all places see, a row each."""
    views: list[Any] = list(window_views(x, windows))
    seen = jnp.stack([jnp.ravel(view) for view in views])
    return (seen @ dy.reshape(-1, dy.shape[-1])).reshape(*windows.size, 1, -1)
