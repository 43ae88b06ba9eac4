"""Windows side by side, none over another, for XLA on a CPU: both ways back as products of matrices.

XLA's own forms multiply the numbers that a stride puts between each other as well.
Shapes: x (B, *S, C), w (*K, C, F), dy (B, *O, F); stride at least K, axis by axis.
"""

from __future__ import annotations

from math import prod
from typing import Any

import jax.numpy as jnp
from jax import lax

from bpframe.engine.jax.xla_pieces import sum_of_pieces
from bpframe.ops.windows import Windows, window_views
from bpframe.types import Shape

POSITIONS = 1024  # of the windows of a piece, whose columns stay in the cache


def lie_side_by_side(windows: Windows) -> bool:
    """Whether each cell is seen by one window at most, and windows have no gaps."""
    fits = all(k <= stride for k, stride in zip(windows.size, windows.stride, strict=True))
    return fits and set(windows.dilation) == {1}


def side_by_side_dx(dy: Any, w: Any, windows: Windows, space: Shape) -> Any:
    """dx (B, *space, C): what each position gives to its own cells, put between each other."""
    axes, (c, f) = len(space), w.shape[-2:]
    positions = dy.shape[1:-1]
    cells = (dy.reshape(-1, f) @ jnp.moveaxis(w, -1, 0).reshape(f, -1)).reshape(-1, *positions, *windows.size, c)
    unseen = [(0, s - k, 0) for k, s in zip(windows.size, windows.stride, strict=True)]
    still, zero = (0, 0, 0), jnp.zeros((), dy.dtype)
    cells = lax.pad(cells, zero, (*[still] * (axes + 1), *unseen, still))
    pairs = [axis for i in range(axes) for axis in (1 + i, 1 + axes + i)]
    reach = [n * s for n, s in zip(positions, windows.stride, strict=True)]
    whole = cells.transpose(0, *pairs, 2 * axes + 1).reshape(-1, *reach, c)
    ends = zip(windows.padding, space, reach, strict=True)
    return lax.pad(whole, zero, (still, *((-before, n + before - r, 0) for (before, _), n, r in ends), still))


def side_by_side_dw(x: Any, dy: Any, windows: Windows) -> Any:
    """dw (*K, C, F): a product with columns, whose transpose XLA makes at half the speed."""
    c, f = x.shape[-1], dy.shape[-1]

    def product(x: Any, dy: Any) -> Any:
        views: list[Any] = list(window_views(x, windows))
        return dy.reshape(-1, f).T @ jnp.concatenate(views, axis=-1).reshape(-1, prod(windows.size) * c)

    rows = max(1, POSITIONS // prod(dy.shape[1:-1]))
    return sum_of_pieces(product, rows, x, dy).T.reshape(*windows.size, c, f)
