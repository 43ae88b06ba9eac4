"""Convolution over axes of space, and its two ways back, in the form that is fastest for an array.

Shapes: x (B, *S, C), w (*K, C / groups, F), y and dy (B, *O, F): S axes of space, K the windows' size, O their
positions. Like all libraries of the field this is a correlation: kernels are not turned round.

    y[p, f] = sum over places k and channels c of x[stride p + dilation k - padding, c] w[k, c, f]

With `groups` the channels of x and the filters part alike, and each part of the filters sees its own channels;
C groups of one channel make a depthwise convolution.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from bpframe.ops import host_convolution
from bpframe.ops.host import HOST_TYPES, namespace, on_host
from bpframe.ops.windows import Kernels, Windows, spread, window_views
from bpframe.types import Array, Shape

FASTER: dict[tuple[str, object], Callable[..., Array]] = {}  # by name of the function below and array namespace


def convolve(x: Array, w: Array, windows: Windows, groups: int = 1) -> Array:
    """y (B, *O, F)."""
    if groups == 1:
        return _form("convolve", x)(x, w, windows)
    if _is_depthwise(w, groups, x):
        return _form("depthwise", x)(x, w, windows)
    parts = zip(_parts(x, groups), _parts(w, groups), strict=True)
    return namespace(x).concat([convolve(a, b, windows) for a, b in parts], axis=-1)


def convolve_dx(dy: Array, w: Array, windows: Windows, space: Shape, groups: int = 1) -> Array:
    """dx (B, *space, C): the slope in x from that in y."""
    if groups == 1:
        return _form("convolve_dx", dy)(dy, w, windows, space)
    if w.shape[-2] == 1:
        return _form("depthwise_dx", dy)(dy, w, windows, space, groups)
    parts = zip(_parts(dy, groups), _parts(w, groups), strict=True)
    return namespace(dy).concat([convolve_dx(a, b, windows, space) for a, b in parts], axis=-1)


def convolve_dw(x: Array, dy: Array, windows: Windows, groups: int = 1) -> Array:
    """dw (*K, C / groups, F): the slope in w from that in y."""
    if groups == 1:
        return _form("convolve_dw", x)(x, dy, windows)
    if x.shape[-1] == groups:
        return _form("depthwise_dw", x)(x, dy, windows)
    parts = zip(_parts(x, groups), _parts(dy, groups), strict=True)
    return namespace(x).concat([convolve_dw(a, b, windows) for a, b in parts], axis=-1)


def _is_depthwise(w: Array, groups: int, x: Array) -> bool:
    return w.shape[-2] == 1 and x.shape[-1] == groups


def _form(name: str, x: Array) -> Callable[..., Array]:
    """The form of a function for arrays like x."""
    if type(x) in HOST_TYPES:
        function = getattr(host_convolution, f"host_{name}")
        return lambda first, *others: on_host(function, first, *others)
    return FASTER.get((name, namespace(x))) or PLAIN[name]


def _parts(x: Any, groups: int) -> Sequence[Array]:
    n = x.shape[-1] // groups
    return [x[..., k * n : (k + 1) * n] for k in range(groups)]


# What follows is written in the standard's vocabulary, a product a place: for any array library.


def _convolve(x: Array, w: Kernels, windows: Windows) -> Any:
    parts = zip(windows.places(), window_views(x, windows), strict=True)
    return _total([part @ w[(*place, ...)] for place, part in parts])


def _convolve_dx(dy: Array, w: Kernels, windows: Windows, space: Shape) -> Array:
    return spread([dy @ w[(*place, ...)].T for place in windows.places()], windows, space)


def _convolve_dw(x: Array, dy: Array, windows: Windows) -> Array:
    xp, c, f = namespace(x), x.shape[-1], dy.shape[-1]
    slope: Any = xp.reshape(dy, (-1, f))
    products = [xp.reshape(part, (-1, c)).T @ slope for part in window_views(x, windows)]
    return xp.reshape(xp.stack(products), (*windows.size, c, f))


def _depthwise(x: Array, w: Kernels, windows: Windows) -> Any:
    xp, each = namespace(x), w.shape[-1] // x.shape[-1]
    parts = zip(windows.places(), window_views(x, windows), strict=True)
    return _total([_repeated(xp, part, each) * w[(*place, 0, ...)] for place, part in parts])


def _depthwise_dx(dy: Array, w: Kernels, windows: Windows, space: Shape, channels: int) -> Array:
    products = [dy * w[(*place, 0, ...)] for place in windows.places()]
    return spread([_added(product, channels) for product in products], windows, space)


def _depthwise_dw(x: Array, dy: Array, windows: Windows) -> Array:
    xp, f = namespace(x), dy.shape[-1]
    views = [_repeated(xp, part, f // x.shape[-1]) for part in window_views(x, windows)]
    rows = tuple(range(dy.ndim - 1))
    return xp.reshape(xp.stack([xp.sum(part * dy, axis=rows) for part in views]), (*windows.size, 1, f))


def _repeated(xp: Any, x: Array, times: int) -> Array:
    """Each channel so many times, next to each other."""
    return x if times == 1 else xp.repeat(x, times, axis=-1)


def _added(x: Array, channels: int) -> Array:
    """The way back: the sum over the neighbours that a channel was repeated as."""
    xp, f = namespace(x), x.shape[-1]
    return x if f == channels else xp.sum(xp.reshape(x, (*x.shape[:-1], channels, f // channels)), axis=-1)


def _total(parts: Sequence[Any]) -> Any:
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


PLAIN: dict[str, Callable[..., Array]] = {
    "convolve": _convolve,
    "convolve_dx": _convolve_dx,
    "convolve_dw": _convolve_dw,
    "depthwise": _depthwise,
    "depthwise_dx": _depthwise_dx,
    "depthwise_dw": _depthwise_dw,
}
