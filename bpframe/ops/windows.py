"""Windows that slide over the axes of space: where they lie, what each of their places sees, and the way back.

Shapes: x (B, *S, C) with S the axes of space; windows of size K lie at O positions, axis by axis. A place is one of the
prod(K) cells of a window; in it all windows together see an array (B, *O, C).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, final

import numpy as np

from bpframe.ops.host import HOST_TYPES, namespace, on_host
from bpframe.types import Array, HostArray, Shape

Pairs = tuple[tuple[int, int], ...]
Kernels = Any  # an array (*K, ..., F) that is indexed by a place
PAD: dict[object, Callable[[Array, Pairs, float], Array]] = {}  # faster forms of pad, by array namespace
SPREAD: dict[object, Callable[[Sequence[Array], Windows, Shape], Array]] = {}  # and of spread


@final
@dataclass(frozen=True)
class Windows:
    """Windows of a size, `stride` apart; their cells are `dilation` apart. `padding`: cells added at both ends."""

    size: Shape
    stride: Shape
    dilation: Shape
    padding: Pairs

    @property
    def reach(self) -> Shape:
        """(K - 1) dilation + 1: cells from the first to the last of a window."""
        return tuple((k - 1) * d + 1 for k, d in zip(self.size, self.dilation, strict=True))

    def positions(self, space: Shape) -> Shape:
        """O = floor((S + padding - reach) / stride) + 1; below 1 where a window does not fit."""
        fits = zip(space, self.padding, self.reach, self.stride, strict=True)
        return tuple((n + sum(pair) - reach) // s + 1 for n, pair, reach, s in fits)

    def places(self) -> list[Shape]:
        """Every place of a window, the last axis fastest."""
        return list(product(*map(range, self.size)))

    def without_padding(self) -> Windows:
        """The same windows over padded x."""
        return Windows(self.size, self.stride, self.dilation, ((0, 0),) * len(self.size))

    def turned(self, space: Shape, positions: Shape) -> Windows:
        """Windows over y, its numbers `stride` apart, under which kernels turned round give the slope in x.

        Their padding is below 0 where that of x exceeds a window.
        """
        before = [reach - 1 - pair[0] for reach, pair in zip(self.reach, self.padding, strict=True)]
        apart = [stride * (n - 1) + 1 for stride, n in zip(self.stride, positions, strict=True)]
        ends = zip(space, apart, self.reach, before, strict=True)
        padding = tuple((b, n - y + reach - 1 - b) for n, y, reach, b in ends)
        return Windows(self.size, (1,) * len(space), self.dilation, padding)

    def seen(self, place: Shape, positions: Shape) -> Any:
        """The index, in padded x, of what the windows see with a place."""
        steps = zip(place, self.dilation, self.stride, positions, strict=True)
        return slice(None), *(slice(k * d, k * d + s * (n - 1) + 1, s) for k, d, s, n in steps), ...


def pad(x: Array, padding: Pairs, value: float = 0.0) -> Array:
    """x with cells of a value added before and after each axis of space."""
    if not any(map(any, padding)):
        return x
    if type(x) in HOST_TYPES:
        padded: Array = on_host(_pad_on_host, x, padding, value)
        return padded
    xp = namespace(x)
    if faster := PAD.get(xp):
        return faster(x, padding, value)
    for axis, pair in enumerate(padding, start=1):
        ends = [_filled(x, axis, n, value) for n in pair]
        x = xp.concat([ends[0], x, ends[1]], axis=axis)
    return x


def window_views(x: Array, windows: Windows, value: float = 0.0) -> list[Array]:
    """What each place sees of x, in the order of `places`; padding has a value."""
    positions = windows.positions(x.shape[1:-1])
    padded: Any = pad(x, windows.padding, value)
    return [padded[windows.seen(place, positions)] for place in windows.places()]


def spread(parts: Sequence[Array], windows: Windows, space: Shape) -> Array:
    """The way back from `window_views`: each part added where its place saw x (B, *space, C); padding is dropped."""
    first = parts[0]
    if type(first) in HOST_TYPES:
        whole: Array = on_host(spread_on_host, first, tuple(parts[1:]), windows, space)
        return whole
    xp = namespace(first)
    if faster := SPREAD.get(xp):
        return faster(parts, windows, space)
    total: Any = None
    for place, part in zip(windows.places(), parts, strict=True):
        for axis in range(len(space)):
            part = _with_gaps(part, axis + 1, windows.stride[axis])
            before = place[axis] * windows.dilation[axis]
            after = space[axis] + sum(windows.padding[axis]) - before - part.shape[axis + 1]
            part = xp.concat([_filled(part, axis + 1, before), part, _filled(part, axis + 1, after)], axis=axis + 1)
        total = part if total is None else total + part
    inside: Array = total[within(windows.padding, space)]
    return inside


def within(padding: Pairs, space: Shape) -> Any:
    """The index of x in padded x."""
    return slice(None), *(slice(before, before + n) for (before, _), n in zip(padding, space, strict=True)), ...


def _filled(x: Array, axis: int, n: int, value: float = 0.0) -> Array:
    """An array of n cells of a value along an axis, like x along all others."""
    xp, shape = namespace(x), list(x.shape)
    shape[axis] = n
    return xp.broadcast_to(xp.zeros_like(x[(0,) * x.ndim]) + value, tuple(shape))


def _with_gaps(x: Array, axis: int, stride: int) -> Array:
    """x with stride - 1 zeros between neighbours along an axis."""
    if stride == 1 or x.shape[axis] == 1:
        return x
    xp, n = namespace(x), x.shape[axis]
    cells = xp.expand_dims(x, axis=axis + 1)
    stuffed = xp.concat([cells, _filled(cells, axis + 1, stride - 1)], axis=axis + 1)
    whole: Any = xp.reshape(stuffed, (*x.shape[:axis], n * stride, *x.shape[axis + 1 :]))
    cut: Array = whole[(slice(None),) * axis + (slice(0, (n - 1) * stride + 1), ...)]
    return cut


def _pad_on_host(x: HostArray, padding: Pairs, value: float) -> HostArray:
    space = x.shape[1:-1]
    shape = (len(x), *(n + sum(pair) for n, pair in zip(space, padding, strict=True)), x.shape[-1])
    padded = np.zeros(shape, x.dtype) if value == 0 else np.full(shape, value, x.dtype)
    padded[within(padding, space)] = x
    return padded


def spread_on_host(first: HostArray, others: Sequence[HostArray], windows: Windows, space: Shape) -> HostArray:
    sizes = (n + sum(pair) for n, pair in zip(space, windows.padding, strict=True))
    whole = np.zeros((len(first), *sizes, first.shape[-1]), first.dtype)
    for place, part in zip(windows.places(), (first, *others), strict=True):
        whole[windows.seen(place, part.shape[1:-1])] += part
    inside: HostArray = whole[within(windows.padding, space)]
    return inside if inside.shape == whole.shape else inside.copy()
