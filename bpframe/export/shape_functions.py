"""Shape functions of the namespace of recorded arrays, as the Array API standard has them: they move numbers alone.

x any shape.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from bpframe.export.recorded_array import Operand, RecordedArray, Unrecorded, apply, common_dtype, recorded
from bpframe.types import Shape


def reshape(x: Operand, /, shape: Any, *rest: int, copy: bool | None = None) -> RecordedArray:
    """As `numpy.reshape`; one length may be -1."""
    lengths = (operator.index(shape), *rest) if isinstance(shape, int | np.integer) else tuple(shape)
    x = recorded(x)
    if -1 in lengths:
        known = prod(n for n in lengths if n != -1)
        lengths = tuple(x.size // max(known, 1) if n == -1 else n for n in lengths)
    lengths = tuple(map(int, lengths))
    return x if lengths == x.shape else apply("reshape", [x], shape=lengths)


def permute_dims(x: Operand, /, axes: Sequence[int] | None = None) -> RecordedArray:
    """As `numpy.transpose`."""
    x = recorded(x)
    order = reversed(range(x.ndim)) if axes is None else (a % x.ndim for a in axes)
    return apply("transpose", [x], axes=tuple(order))


def swapaxes(x: Operand, first: int, second: int) -> RecordedArray:
    """As `numpy.swapaxes`."""
    order = list(range(x.ndim))
    order[first], order[second] = order[second], order[first]
    return permute_dims(x, order)


def moveaxis(x: Operand, source: Any, destination: Any, /) -> RecordedArray:
    """As `numpy.moveaxis`."""
    sources, targets = (np.atleast_1d(a) % x.ndim for a in (source, destination))
    rest = [a for a in range(x.ndim) if a not in sources]
    for target, a in sorted(zip(targets.tolist(), sources.tolist(), strict=True)):
        rest.insert(target, a)
    return permute_dims(x, rest)


def broadcast_to(x: Operand, /, shape: Shape) -> RecordedArray:
    """As `numpy.broadcast_to`."""
    x = recorded(x)
    return x if x.shape == tuple(shape) else apply("broadcast", [x], shape=tuple(map(int, shape)))


def broadcast_arrays(*arrays: Any) -> list[RecordedArray]:
    """As `numpy.broadcast_arrays`."""
    shape = np.broadcast_shapes(*(np.shape(x) if isinstance(x, int | float) else x.shape for x in arrays))
    return [broadcast_to(x, shape) for x in arrays]


def expand_dims(x: Operand, /, *, axis: int = 0) -> RecordedArray:
    """As `numpy.expand_dims`."""
    at = axis % (x.ndim + 1)
    return reshape(x, (*x.shape[:at], 1, *x.shape[at:]))


def squeeze(x: Operand, /, axis: Any = None) -> RecordedArray:
    """As `numpy.squeeze`."""
    axes = (
        {a for a, n in enumerate(x.shape) if n == 1} if axis is None else {int(a) % x.ndim for a in np.atleast_1d(axis)}
    )
    if any(x.shape[a] != 1 for a in axes):
        raise ValueError(f"squeeze takes axes of length 1 away, got axis {axis} of shape {x.shape}")
    return reshape(x, tuple(n for a, n in enumerate(x.shape) if a not in axes))


def concat(arrays: Sequence[Any], /, *, axis: int | None = 0) -> RecordedArray:
    """As `numpy.concat`."""
    dtype = common_dtype(*arrays)
    parts = [recorded(x, dtype) for x in arrays]
    if axis is None:
        parts, axis = [reshape(x, (-1,)) for x in parts], 0
    parts = [part for part in parts if part.shape[axis]] or parts[:1]  # an empty one adds nothing
    return parts[0] if len(parts) == 1 else apply("concat", parts, axis=axis % parts[0].ndim)


def stack(arrays: Sequence[Any], /, *, axis: int = 0) -> RecordedArray:
    """As `numpy.stack`."""
    return concat([expand_dims(recorded(x), axis=axis) for x in arrays], axis=axis)


def flip(x: Operand, /, *, axis: Any = None) -> RecordedArray:
    """As `numpy.flip`."""
    axes = set(range(x.ndim)) if axis is None else {int(a) % x.ndim for a in np.atleast_1d(axis)}
    return index(x, tuple(slice(None, None, -1) if a in axes else slice(None) for a in range(x.ndim)))


def roll(x: Operand, /, shift: int, *, axis: int | None = None) -> RecordedArray:
    """As `numpy.roll` along one axis, or of the flat array."""
    if axis is None:
        return reshape(roll(reshape(x, (-1,)), shift, axis=0), x.shape)
    at, n = axis % x.ndim, x.shape[axis]
    cut = (n - shift) % n if n else 0
    first = (slice(None),) * at
    return concat([index(x, (*first, slice(cut, None))), index(x, (*first, slice(None, cut)))], axis=at)


def repeat(x: Operand, repeats: int, /, *, axis: int | None = None) -> RecordedArray:
    """As `numpy.repeat`, each element as often."""
    x, at = (reshape(x, (-1,)), 0) if axis is None else (x, axis % x.ndim)
    shape = (*x.shape[: at + 1], repeats, *x.shape[at + 1 :])
    many = broadcast_to(expand_dims(x, axis=at + 1), shape)
    return reshape(many, (*x.shape[:at], x.shape[at] * repeats, *x.shape[at + 1 :]))


def tile(x: RecordedArray, repetitions: Any, /) -> RecordedArray:
    """As `numpy.tile`."""
    times = tuple(int(n) for n in np.atleast_1d(repetitions))
    x = recorded(x)
    for axis, n in enumerate(times[-x.ndim :] if x.ndim else (), start=max(0, x.ndim - len(times))):
        x = concat([x] * n, axis=axis) if n != 1 else x
    for n in reversed(times[: max(0, len(times) - x.ndim)]):
        x = stack([x] * n)
    return x


def take(x: Operand, indices: Operand, /, *, axis: int | None = None) -> RecordedArray:
    """As `numpy.take`."""
    x, at = (reshape(x, (-1,)), 0) if axis is None else (recorded(x), axis % x.ndim)
    return apply("gather", [x, recorded(indices, np.int64)], axis=at)


def take_along_axis(x: Operand, indices: Operand, /, axis: int = -1) -> RecordedArray:
    """As `numpy.take_along_axis`."""
    return apply("gather_along", [recorded(x), recorded(indices, np.int64)], axis=axis % x.ndim)


def index(x: RecordedArray, key: Any) -> RecordedArray:
    """x[key] for whole numbers, slices, None, ..., and one array of whole numbers."""
    keys = list(key) if isinstance(key, tuple) else [key]
    if any(isinstance(k, RecordedArray | np.ndarray | list) for k in keys):
        return _gather(x, keys)
    if Ellipsis in keys:
        at = keys.index(Ellipsis)
        missing = x.ndim - sum(k is not None and k is not Ellipsis for k in keys)
        keys[at : at + 1] = [slice(None)] * missing
    keys += [slice(None)] * (x.ndim - sum(k is not None for k in keys))
    slices = [_slice(k, n) for k, n in zip([k for k in keys if k is not None], x.shape, strict=True)]
    if any(part != slice(None, None, 1) for part in slices):
        starts, stops, steps = zip(*((part.start, part.stop, part.step) for part in slices), strict=True)
        x = apply("slice", [x], starts=starts, stops=stops, steps=steps)
    lengths = iter(x.shape)
    shape: list[int] = []
    for k in keys:
        length = 1 if k is None else next(lengths)
        shape += [] if isinstance(k, int | np.integer) else [length]
    return reshape(x, tuple(shape))


def _slice(key: Any, length: int) -> slice:
    """A key of one axis as a slice in its canonical form: None where it reaches the end of the axis."""
    if isinstance(key, int | np.integer):
        if not -length <= key < length:
            raise IndexError(f"index {key} is outside an axis of length {length}")
        return slice(int(key), int(key) + 1 if key != -1 else None, 1)
    start, stop, step = key.indices(length)
    if step > 0:
        return slice(None if start == 0 else start, None if stop >= length else stop, step)
    return slice(None if start >= length - 1 else start, None if stop < 0 else stop, step)


def _gather(x: RecordedArray, keys: list[Any]) -> RecordedArray:
    """x[:, :, places]."""
    *first, places = keys
    if any(k != slice(None) for k in first):
        raise Unrecorded("an index of arrays beside others. Use take(x, places, axis=...)")
    array = recorded(places)
    if array.dtype.kind == "b":
        raise Unrecorded("an index of booleans, whose result has as many rows as the values say. Use where")
    return take(x, array, axis=len(first))
