"""XLA's convolution on engine jax where it is fast, columns or a sum of places where it is not.

XLA's convolution of few channels leaves vector units idle, and it computes a depthwise one as if every filter saw every
channel.  Shapes: x (B, *S, C), w (*K, C, F), dy (B, *O, F); depthwise w (*K, 1, F).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from bpframe.ops.convolution import FASTER
from bpframe.ops.windows import PAD, SPREAD, Pairs, Windows, window_views
from bpframe.types import Shape

FEW = 4  # channels, up to which a product with columns is faster
AXES = "XYZ"  # of space, in XLA's notation


def _pad(x: Any, padding: Pairs, value: float) -> Any:
    return lax.pad(x, jnp.asarray(value, x.dtype), ((0, 0, 0), *((a, b, 0) for a, b in padding), (0, 0, 0)))


def _spread(parts: Sequence[Any], windows: Windows, space: Shape) -> Any:
    total: Any = None
    for place, part in zip(windows.places(), parts, strict=True):
        config = [(0, 0, 0)]
        for axis, k in enumerate(place):
            stride = windows.stride[axis]
            before = k * windows.dilation[axis] - windows.padding[axis][0]
            seen = stride * (part.shape[axis + 1] - 1) + 1
            config.append((before, space[axis] - before - seen, stride - 1))
        padded = lax.pad(part, jnp.zeros((), part.dtype), (*config, (0, 0, 0)))
        total = padded if total is None else total + padded
    return total


def _convolve(x: Any, w: Any, windows: Windows) -> Any:
    if w.shape[-2] <= FEW:
        return _columns(x, windows) @ w.reshape(-1, w.shape[-1])
    return _lax(x, w, windows)


def _convolve_dx(dy: Any, w: Any, windows: Windows, space: Shape) -> Any:
    c = w.shape[-2]
    if c == 1 or set(windows.stride) != {1}:
        k = prod(windows.size)
        products = (dy @ w.reshape(k * c, -1).T).reshape(*dy.shape[:-1], k, c)
        return _spread([products[..., i, :] for i in range(k)], windows, space)
    x = jnp.zeros((dy.shape[0], *space, c), dy.dtype)  # of which XLA needs the shape alone
    return jax.linear_transpose(lambda x: _lax(x, w, windows), x)(dy)[0]


def _convolve_dw(x: Any, dy: Any, windows: Windows) -> Any:
    c, f = x.shape[-1], dy.shape[-1]
    if c == 1:
        return (_columns(x, windows).reshape(-1, prod(windows.size)).T @ dy.reshape(-1, f)).reshape(*windows.size, 1, f)
    w = jnp.zeros((*windows.size, c, f), dy.dtype)
    return jax.linear_transpose(lambda w: _lax(x, w, windows), w)(dy)[0]


def _columns(x: Any, windows: Windows) -> Any:
    """What the windows see, (B, *O, prod(K) C)."""
    views: list[Any] = list(window_views(x, windows))
    return jnp.concatenate(views, axis=-1)


def _lax(x: Any, w: Any, windows: Windows) -> Any:
    axes = AXES[: len(windows.size)]
    numbers = f"N{axes}C", f"{axes}IO", f"N{axes}C"
    return lax.conv_general_dilated(
        x, w, windows.stride, windows.padding, rhs_dilation=windows.dilation, dimension_numbers=numbers
    )


def register() -> None:
    """Have `bpframe.ops` take these forms for arrays of JAX."""
    PAD[jnp], SPREAD[jnp] = _pad, _spread
    forms: dict[str, Any] = {"convolve": _convolve, "convolve_dx": _convolve_dx, "convolve_dw": _convolve_dw}
    FASTER.update({(name, jnp): form for name, form in forms.items()})
