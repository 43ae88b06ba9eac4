"""XLA's convolution on engine jax where it is fast, columns or a sum of places where it is not.

On a CPU XLA has a fast convolution for rows, space, channels in this order alone. Others it brings into that order,
but not inside of a loop, where all steps of an epoch are: there the slopes as JAX derives them take 20 to 100 times as
long. So both are written here as convolutions in that order. XLA's convolution of three channels leaves vector units
idle; of one channel, of depthwise ones and of windows side by side other files of this folder make sums and products.
Shapes: x (B, *S, C), w (*K, C, F), dy (B, *O, F); depthwise w (*K, 1, F).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from bpframe.engine.jax.xla_depthwise import depthwise_dw, depthwise_dx
from bpframe.engine.jax.xla_one_channel import one_channel, one_channel_dw, one_channel_dx
from bpframe.engine.jax.xla_pieces import sum_of_pieces
from bpframe.engine.jax.xla_side_by_side import lie_side_by_side, side_by_side_dw, side_by_side_dx
from bpframe.ops.barrier import barrier
from bpframe.ops.convolution import FASTER
from bpframe.ops.windows import PAD, SPREAD, Pairs, Windows, pad, window_views
from bpframe.types import Shape

ODD = 3  # channels, for which a product with columns is faster
MANY = 16  # channels, from which on the kernels' slope is faster in pieces of a batch
POSITIONS = 512  # of a row, up to which it is taken in pieces
PIECE = 256, 1024  # channels and cells of the rows of a piece at least, in fours: rows are channels there
AXES = "XYZ"  # of space, in XLA's notation


def _pad(x: Any, padding: Pairs, value: float) -> Any:
    return lax.pad(x, jnp.asarray(value, x.dtype), ((0, 0, 0), *((a, b, 0) for a, b in padding), (0, 0, 0)))


def _spread(parts: Sequence[Any], windows: Windows, space: Shape) -> Any:
    if windows.stride == windows.size and set(windows.dilation) == {1} and not any(map(any, windows.padding)):
        return _side_by_side(parts, windows, space)
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


def _side_by_side(parts: Sequence[Any], windows: Windows, space: Shape) -> Any:
    """The same where each number is seen once: the parts between each other, which needs no sum of gaps."""
    same, left = all(part is parts[0] for part in parts), list(parts)
    for axis in range(len(space), 0, -1):
        k, shape = windows.size[axis - 1], list(left[0].shape)
        shape[axis] *= k
        groups = [left[:1]] if same else [left[i : i + k] for i in range(0, len(left), k)]
        left = [
            jnp.repeat(each[0], k, axis=axis) if same else jnp.stack(each, axis + 1).reshape(shape) for each in groups
        ]
    (whole,) = left
    missing = [(0, n - seen, 0) for n, seen in zip(space, whole.shape[1:-1], strict=True)]
    return lax.pad(whole, jnp.zeros((), whole.dtype), ((0, 0, 0), *missing, (0, 0, 0)))


def _convolve(x: Any, w: Any, windows: Windows) -> Any:
    if w.shape[-2] == 1:
        return _on_cpu(one_channel, _lax, x, w, windows)
    if w.shape[-2] == ODD:
        return _columns(x, windows) @ w.reshape(-1, w.shape[-1])
    return _lax(x, w, windows)


def _convolve_dx(dy: Any, w: Any, windows: Windows, space: Shape) -> Any:
    if w.shape[-2] == 1:
        return _on_cpu(one_channel_dx, _lax_dx, dy, w, windows, space)
    if lie_side_by_side(windows):
        return _on_cpu(side_by_side_dx, _lax_dx, dy, w, windows, space)
    return _lax_dx(dy, w, windows, space)


def _convolve_dw(x: Any, dy: Any, windows: Windows) -> Any:
    return _on_cpu(_form_dw(x.shape[-1], windows), _lax_dw, x, dy, windows)


def _form_dw(channels: int, windows: Windows) -> Callable[..., Any]:
    if channels == 1:
        return one_channel_dw
    if channels < MANY:
        return _turned_dw
    return side_by_side_dw if lie_side_by_side(windows) else _turned_dw_in_pieces


def _on_cpu(form: Callable[..., Any], other: Callable[..., Any], a: Any, b: Any, *rest: Any) -> Any:
    """A form on a CPU, another elsewhere."""
    return lax.platform_dependent(a, b, cpu=lambda a, b: form(a, b, *rest), default=lambda a, b: other(a, b, *rest))


def _lax_dx(dy: Any, w: Any, windows: Windows, space: Shape) -> Any:
    """The convolution of dy, its numbers `stride` apart, with the kernels turned round."""
    kernels = jnp.flip(w, range(len(space))).swapaxes(-1, -2)
    return _lax(dy, kernels, windows.turned(space, dy.shape[1:-1]), windows.stride)


def _turned_dw(x: Any, dy: Any, windows: Windows) -> Any:
    """The convolution of x with dy, channels and rows in each other's place."""
    if any(o > n for o, n in zip(dy.shape[1:-1], x.shape[1:-1], strict=True)):
        # XLA would have the larger dy in the place of x, and then not in the fast order; it takes padding that it can
        # fold into the convolution for its own
        x, windows = barrier(pad(x, windows.padding)), windows.without_padding()
    axes = tuple(range(1, x.ndim - 1))
    space, size, last = x.shape[1:-1], dy.shape[1:-1], x.ndim - 1
    reach = [stride * (n - 1) + 1 for stride, n in zip(windows.stride, size, strict=True)]
    ends = zip(windows.padding, space, reach, windows.reach, strict=True)
    padding = tuple((before, r + own - 1 - n - before) for (before, _), n, r, own in ends)
    turned = Windows(size, windows.dilation, windows.stride, padding)
    dw = _lax(x.transpose(last, *axes, 0), dy.transpose(*axes, 0, last), turned)
    return dw.transpose(*axes, 0, last)


def _turned_dw_in_pieces(x: Any, dy: Any, windows: Windows) -> Any:
    """The same in pieces of some rows, where a batch as a whole would be slow."""
    if len(windows.size) == 1 or prod(dy.shape[1:-1]) > POSITIONS:
        return _turned_dw(x, dy, windows)
    rows = max(least // n for least, n in zip(PIECE, (x.shape[-1], prod(x.shape[1:-1])), strict=True))
    return sum_of_pieces(lambda x, dy: _turned_dw(x, dy, windows), 4 * max(1, rows // 4), x, dy)


def _lax_dw(x: Any, dy: Any, windows: Windows) -> Any:
    w = jnp.zeros((*windows.size, x.shape[-1], dy.shape[-1]), dy.dtype)  # of which XLA needs the shape alone
    return jax.linear_transpose(lambda w: _lax(x, w, windows), w)(dy)[0]


def _columns(x: Any, windows: Windows) -> Any:
    """What the windows see, (B, *O, prod(K) C)."""
    views: list[Any] = list(window_views(x, windows))
    return jnp.concatenate(views, axis=-1)


def _lax(x: Any, w: Any, windows: Windows, gaps: Shape | None = None) -> Any:
    """XLA's convolution; with `gaps` of x whose numbers lie so far apart."""
    axes = AXES[: len(windows.size)]
    numbers = f"N{axes}C", f"{axes}IO", f"N{axes}C"
    return lax.conv_general_dilated(x, w, windows.stride, windows.padding, gaps, windows.dilation, numbers)


def register() -> None:
    """Have `bpframe.ops` take these forms for arrays of JAX."""
    PAD[jnp], SPREAD[jnp] = _pad, _spread
    forms: dict[str, Any] = {"convolve": _convolve, "convolve_dx": _convolve_dx, "convolve_dw": _convolve_dw}
    forms |= {"depthwise_dx": depthwise_dx, "depthwise_dw": depthwise_dw}
    FASTER.update({(name, jnp): form for name, form in forms.items()})
