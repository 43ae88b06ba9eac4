"""Convolution on the host: columns of what the windows see, made in pieces that stay in the cache, and BLAS products.

Shapes: x (B, *S, C), w (*K, C, F), y and dy (B, *O, F). Columns of N windows are (N, prod(K) C), or, where a run of
neighbours in memory is short, (prod(K) C, N), so that NumPy copies along the positions. Depthwise: w (*K, 1, F).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from math import prod
from typing import Any, final

import numpy as np
from numpy.lib.stride_tricks import as_strided

from bpframe.ops.thread_team import current_team
from bpframe.ops.windows import Kernels, Windows, pad, spread_on_host, within
from bpframe.types import HostArray, Shape

BYTES = 2**19  # of the columns of a piece
SHORT = 8  # numbers next to each other, below which copies go along the positions


@final
@dataclass(frozen=True)
class Stretch:
    """Some rows of a batch, and of these some positions along the first axis of space."""

    rows: slice
    first: slice

    def of(self, y: HostArray) -> HostArray:
        """The same part of an array at the positions."""
        return y[self.rows, self.first]

    def seen(self, x: HostArray, windows: Windows) -> tuple[HostArray, Windows]:
        """What its windows see of x (B, *S, C), with padding, and its windows, which need none."""
        before, _ = windows.padding[0]
        start = self.first.start * windows.stride[0] - before
        stop = (self.first.stop - 1) * windows.stride[0] + windows.reach[0] - before
        part = x[self.rows, max(0, start) : max(0, stop)]
        missing = min(max(0, -start), stop - start)
        ends = missing, stop - start - part.shape[1] - missing
        padded: Any = pad(part, (ends, *windows.padding[1:]))
        return padded, windows.without_padding()


def host_convolve(x: HostArray, w: Kernels, windows: Windows) -> HostArray:
    """y (B, *O, F)."""
    positions, f = windows.positions(x.shape[1:-1]), w.shape[-1]
    y = np.empty((len(x), *positions, f), x.dtype)
    matrix = w.reshape(-1, f)

    def fill(piece: Stretch) -> None:
        columns, out = _columns(*piece.seen(x, windows)), piece.of(y)
        np.matmul(columns, matrix, out=out.reshape(-1, f))  # a view: pieces are whole in memory

    _share([partial(fill, piece) for piece in _pieces(y.shape, len(matrix))], y.size * len(matrix))
    return y


def host_convolve_dx(dy: HostArray, w: Kernels, windows: Windows, space: Shape) -> HostArray:
    """dx (B, *space, C)."""
    c, f = w.shape[-2:]
    few, axes = 1 < c < SHORT, tuple(range(len(windows.size)))
    if c >= SHORT and (turned := _turned(windows, space, dy.shape[1:-1])):
        return host_convolve(dy, np.ascontiguousarray(np.flip(w, axes).swapaxes(-1, -2)), turned)
    dx = np.empty((len(dy), *space, c), dy.dtype)
    add = partial(_add_by_channels if few else _add_by_positions, w, windows)
    sizes = tuple(n + sum(pair) for n, pair in zip(space, windows.padding, strict=True))
    inside = within(windows.padding, space)

    def fill(rows: slice) -> None:
        padded = np.zeros((c, rows.stop - rows.start, *sizes) if few else (rows.stop - rows.start, *sizes, c), dy.dtype)
        view = np.moveaxis(padded, 0, -1) if few else padded
        for piece in _pieces((len(view), *dy.shape[1:]), w.size // f):
            add(piece.of(dy[rows]), view[piece.rows, piece.first.start * windows.stride[0] :])
        dx[rows] = view[inside]

    size = max(1, BYTES // max(1, dy[:1].nbytes * (w.size // f) // f))
    rows = [slice(i, min(i + size, len(dy))) for i in range(0, len(dy), size)]
    _share([partial(fill, each) for each in rows], dy.size * (w.size // f))
    return dx


def _add_by_positions(w: Kernels, windows: Windows, dy: HostArray, dx: HostArray) -> None:
    """Add the slopes that dy gives to padded dx, a product of which has its channels next to each other."""
    c, f = w.shape[-2:]
    products = (dy.reshape(-1, f) @ w.reshape(-1, f).T).reshape(*dy.shape[:-1], *windows.size, c)
    for place in windows.places():
        dx[windows.seen(place, dy.shape[1:-1])] += products[..., *place, :]


def _add_by_channels(w: Kernels, windows: Windows, dy: HostArray, dx: HostArray) -> None:
    """The same with positions next to each other, for few channels."""
    c, f = w.shape[-2:]
    products = (w.reshape(-1, f) @ dy.reshape(-1, f).T).reshape(*windows.size, c, *dy.shape[:-1])
    for place in windows.places():
        dx[windows.seen(place, dy.shape[1:-1])] += np.moveaxis(products[place], 0, -1)


def host_convolve_dw(x: HostArray, dy: HostArray, windows: Windows) -> HostArray:
    """dw (*K, C, F); the sums of the pieces are added in their order, so that bits do not depend on threads."""
    c, f = x.shape[-1], dy.shape[-1]
    k = prod(windows.size) * c
    pieces = list(_pieces(dy.shape, k))
    sums = np.empty((len(pieces), k, f), dy.dtype)

    def fill(i: int) -> None:
        columns, slopes = _columns(*pieces[i].seen(x, windows)), pieces[i].of(dy)
        np.matmul(columns.T, slopes.reshape(-1, f), out=sums[i])

    _share([partial(fill, i) for i in range(len(pieces))], dy.size * k)
    return _in_pairs(sums).reshape(*windows.size, c, f)


def host_depthwise(x: HostArray, w: Kernels, windows: Windows) -> HostArray:
    """y (B, *O, F), F a multiple of C."""
    f, axes = w.shape[-1], len(windows.size)
    y = np.empty((len(x), *windows.positions(x.shape[1:-1]), f), x.dtype)

    def fill(piece: Stretch) -> None:
        views, out = _runs(*piece.seen(x, windows), f), piece.of(y)
        weights, every = np.tile(w[..., 0, :], views.shape[-1] // f), list(range(views.ndim))
        of_weights, of_sums = [*every[:axes], every[-1]], every[axes:]
        np.einsum(views, every, weights, of_weights, of_sums, out=out.reshape(views.shape[axes:]))  # product and sum

    _share([partial(fill, piece) for piece in _pieces(y.shape, 1)], y.size * prod(windows.size))
    return y


def host_depthwise_dx(dy: HostArray, w: Kernels, windows: Windows, space: Shape, channels: int) -> HostArray:
    """dx (B, *space, C)."""
    if turned := _turned(windows, space, dy.shape[1:-1]):
        dx = host_depthwise(dy, np.flip(w, tuple(range(len(windows.size)))), turned)
        return (
            dx
            if dx.shape[-1] == channels
            else dx.reshape(*dx.shape[:-1], channels, dx.shape[-1] // channels).sum(axis=-1)
        )
    parts = [_added(dy * w[(*place, 0, ...)], channels) for place in windows.places()]
    return spread_on_host(parts[0], parts[1:], windows, space)


def host_depthwise_dw(x: HostArray, dy: HostArray, windows: Windows) -> HostArray:
    """dw (*K, 1, F); sums are added as in `host_convolve_dw`."""
    f, pieces = dy.shape[-1], list(_pieces(dy.shape, 1))
    sums = np.empty((len(pieces), *windows.size, f), dy.dtype)

    def fill(i: int) -> None:
        views = _runs(*pieces[i].seen(x, windows), f)
        slopes = pieces[i].of(dy).reshape(views.shape[len(windows.size) :])
        every = list(range(slopes.ndim))
        for place in windows.places():
            total = np.einsum(views[place], every, slopes, every, every[-1:])
            sums[i][place] = total.reshape(-1, f).sum(axis=0)

    _share([partial(fill, i) for i in range(len(pieces))], dy.size * prod(windows.size))
    return _in_pairs(sums).reshape(*windows.size, 1, f)


def _columns(x: HostArray, windows: Windows) -> HostArray:
    """What windows without padding see of x, (N, prod(K) C)."""
    views, axes, k = _views(x, windows), len(windows.size), prod(windows.size) * x.shape[-1]
    cells, others, channels = range(axes), range(axes, views.ndim - 1), views.ndim - 1
    if windows.size[-1] * x.shape[-1] < SHORT:
        return np.ascontiguousarray(views.transpose(*cells, channels, *others)).reshape(k, -1).T
    return np.ascontiguousarray(views.transpose(*others, *cells, channels)).reshape(-1, k)


def _views(x: HostArray, windows: Windows) -> HostArray:
    """What each place of windows without padding sees of x, (*K, B, *O, C), without a copy."""
    batch, *space, one = x.strides
    steps = [n * s for n, s in zip(space, windows.stride, strict=True)]
    cells = [n * d for n, d in zip(space, windows.dilation, strict=True)]
    shape = (*windows.size, len(x), *windows.positions(x.shape[1:-1]), x.shape[-1])
    return as_strided(x, shape, (*cells, batch, *steps, one), writeable=False)


def _runs(x: HostArray, windows: Windows, f: int) -> HostArray:
    """The views of x with channels repeated to f; along the last axis of space in one axis where they are a run."""
    x = np.ascontiguousarray(_repeated(x, f))
    views = _views(x, windows)
    return views.reshape(*views.shape[:-2], -1) if windows.stride[-1] == 1 else views


def _repeated(x: HostArray, f: int) -> HostArray:
    return x if x.shape[-1] == f else np.repeat(x, f // x.shape[-1], axis=-1)


def _added(x: HostArray, channels: int) -> HostArray:
    """The way back: the sum over the neighbours that a channel was repeated as."""
    n = x.shape[-1] // channels
    total: HostArray = x if n == 1 else x.reshape(*x.shape[:-1], channels, n).sum(axis=-1)
    return total


def _turned(windows: Windows, space: Shape, positions: Shape) -> Windows | None:
    """Windows over dy that give dx; None where they would step over gaps, or where padding exceeds a window."""
    turned = windows.turned(space, positions)
    return turned if set(windows.stride) == {1} and min(map(min, turned.padding)) >= 0 else None


def _pieces(shape: Shape, k: int, itemsize: int = 4) -> Iterator[Stretch]:
    """Stretches of positions (B, *O, F) with at most BYTES of columns, k numbers each."""
    rows, first, *others, _ = shape
    row = prod(others) * k * itemsize  # of one position along the first axis
    count = max(1, BYTES // max(1, row * first))
    step = first if row * first <= BYTES else max(1, BYTES // row)
    for i in range(0, rows, count):
        for j in range(0, first, step):
            yield Stretch(slice(i, min(i + count, rows)), slice(j, min(j + step, first)))


def _share(jobs: Sequence[Callable[[], None]], multiplications: int) -> None:
    """Run all, by the current team where it pays."""
    team = current_team()
    if team is not None and team.shares(multiplications):
        team.run(jobs)
        return
    for job in jobs:
        job()


def _in_pairs(parts: HostArray) -> HostArray:
    """The sum over axis 0, of which rounding errors grow as the logarithm of its length only."""
    while len(parts) > 1:
        half = len(parts) // 2
        parts = np.concatenate([parts[:half] + parts[half : 2 * half], parts[2 * half :]])
    total: HostArray = parts.sum(axis=0)  # of one, or of none
    return total
