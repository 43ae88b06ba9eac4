"""Common code of layers whose windows slide over the axes of space: sizes as users write them, windows that fit.

Shapes: rows (*S, C), S axes of space, channels last; windows of size K lie at O positions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bpframe.plugin import ConfigError, Shape, ShapeError, checks, ops

NAMED = ("valid", "same", "causal")
SPACE = {1: "(length, channels)", 2: "(height, width, channels)"}


def along_axes(owner: str, axes: int, least: int, **setting: Any) -> Shape:
    """A setting for each axis: one whole number for all, or as many as there are axes."""
    ((name, value),) = setting.items()
    if not isinstance(value, Sequence):
        return (checks.whole(owner, least, **{name: value}),) * axes
    if len(value) != axes:
        raise ConfigError(f"{owner} needs one number as {name}, or {axes}, got {value!r}.")
    return tuple(checks.whole(owner, least, **{name: each}) for each in value)


def fixed(value: Any) -> Any:
    """A setting as it was given, lists as tuples, so that a layer can be compared and kept."""
    return tuple(map(fixed, value)) if isinstance(value, Sequence) and not isinstance(value, str) else value


def checked_padding(owner: str, axes: int, padding: Any) -> Any:
    """The name of a padding, or (before, after) for each axis."""
    if isinstance(padding, str):
        checks.one_of(owner, NAMED[: 3 if axes == 1 else 2], padding=padding)
        return padding
    if not isinstance(padding, Sequence):
        return ((checks.whole(owner, 0, padding=padding),) * 2,) * axes
    if axes == 1 and len(padding) == 2:  # of one axis a pair may stand by itself
        padding = (padding,)
    if len(padding) != axes:
        wanted = "a pair (before, after)" if axes == 1 else f"{axes} pairs (before, after)"
        raise ConfigError(f"{owner} needs {', '.join(NAMED[:2])}, a number or {wanted} as padding, got {padding!r}.")
    pairs = [each if isinstance(each, Sequence) else (each, each) for each in padding]
    return tuple(along_axes(owner, 2, 0, padding=pair) for pair in pairs)


def space_of(owner: str, axes: int, in_shape: Shape) -> Shape:
    """The axes of space of rows; ShapeError where they are not as many, with channels behind them."""
    if len(in_shape) != axes + 1:
        remedy = f"Reshape rows of one axis to {SPACE[axes]}." if len(in_shape) < axes + 1 else "Take another layer."
        remedy = f"Reshape rows to {(*in_shape, 1)}, one channel." if len(in_shape) == axes > 1 else remedy
        raise ShapeError(f"{owner} needs rows of {axes + 1} axes, {SPACE[axes]}, got {in_shape}. {remedy}")
    return in_shape[:-1]


def windows_over(
    owner: str, space: Shape, size: Shape, stride: Shape, dilation: Shape, padding: Any
) -> tuple[ops.Windows, Shape]:
    """(the windows over rows of this space, their positions); ShapeError that shows the arithmetic where none fits.

    "same": ceil(S / stride) positions, the padding halved, of an odd number one cell more at the end (Keras).
    "causal": all padding before, so that a position sees nothing that comes after it.
    """
    windows, name = ops.Windows(size, stride, dilation, ((0, 0),) * len(size)), padding
    if padding == "same":
        padding = tuple(map(_same, space, windows.reach, stride))
    elif padding == "causal":
        padding = tuple((reach - 1, 0) for reach in windows.reach)
    windows = windows if padding == "valid" else ops.Windows(size, stride, dilation, padding)
    positions = windows.positions(space)
    if min(positions) < 1:
        remedy = "Take fewer layers that shrink them, a smaller window, or padding='same'."
        raise ShapeError(f"{owner} needs rows in which a window fits: {arithmetic(space, windows, name)}. {remedy}")
    return windows, positions


def arithmetic(space: Shape, windows: ops.Windows, padding: Any) -> str:
    """The positions in words: "28 x 28 with kernel 5, stride 2, valid gives 12 x 12"."""
    parts = [f"{_times(space)} with kernel {_each(windows.size)}"]
    parts += [f"stride {_each(windows.stride)}"] if set(windows.stride) != {1} else []
    parts += [f"dilation {_each(windows.dilation)}"] if set(windows.dilation) != {1} else []
    parts += [padding if isinstance(padding, str) else f"padding {padding}"]
    return f"{', '.join(parts)} gives {_times(windows.positions(space))}"


def _same(n: int, reach: int, stride: int) -> tuple[int, int]:
    missing = max(0, (-(-n // stride) - 1) * stride + reach - n)
    return missing // 2, missing - missing // 2


def _each(numbers: Shape) -> str:
    """One number where all axes have it."""
    return str(numbers[0]) if len(set(numbers)) == 1 else _times(numbers)


def _times(numbers: Shape) -> str:
    return " x ".join(map(str, numbers))
