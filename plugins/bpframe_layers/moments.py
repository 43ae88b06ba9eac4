"""Common code of normalisation layers: scaling to a mean square of 1, and the trained scale and shift that follow.

Shapes: x, z, y and their slopes (B, ..., n), alike; scale and shift (n,); mask (B,) which rows count, None: all; means
keep the axes they are taken over, with length 1.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from bpframe.plugin import Array, Params, Shape, ShapeError, checks, ops

Axes = tuple[int, ...]
MANY = 1024  # numbers of a mean, up to which its rounding is small
LeftOut = Mapping[str, Mapping[str, Mapping[str, float]]]  # by argument and its value, what it brings


def take_convention(owner: str, layer: Any) -> None:
    """Set what a layer under construction leaves open, as None, to the value of its library, by default PyTorch."""
    libraries: Mapping[str, Mapping[str, float]] = layer.left_out["convention"]
    library = layer.convention or next(iter(libraries))
    checks.one_of(owner, tuple(libraries), convention=library)
    for name, value in libraries[library].items():
        if getattr(layer, name, 0) is None:
            object.__setattr__(layer, name, value)


def features(owner: str, in_shape: Shape) -> Shape:
    """(n,): what stands on the last axis of a row; ShapeError to `owner` where there is none."""
    if not in_shape:
        raise ShapeError(f"{owner} needs rows with an axis of features, (..., n), got {in_shape}. Reshape them first.")
    return in_shape[-1:]


def mean(x: Array, axes: Axes, mask: Array | None = None) -> Array:
    """The mean over some axes; 0 over none. With a mask (B,), axis 0 among them, that of the rows that count."""
    xp = ops.namespace(x)
    if mask is None:
        return xp.sum(x, axis=axes, keepdims=True) / max(1, math.prod(x.shape[a] for a in axes))
    kept = xp.where(ops.along_rows(mask, x), x, 0.0)
    return xp.sum(kept, axis=axes, keepdims=True) / xp.maximum(numbers(x, axes, mask), 1.0)


def numbers(x: Array, axes: Axes, mask: Array | None = None) -> Any:
    """How many numbers a mean over some axes is over, of the rows that count if axis 0 is among them."""
    if mask is None:
        return math.prod(x.shape[a] for a in axes)
    return ops.counted_rows(mask, x) * math.prod(x.shape[a] for a in axes if a >= mask.ndim)


def centred(x: Array, axes: Axes, mask: Array | None = None) -> tuple[Array, Array]:
    """(x - mean x, mean x), with a mask the mean of the rows that count.

    Over many numbers of less than double precision x is first taken relative to one of them: where the mean is large
    beside the deviation, the rounding of the mean would shift every number alike.
    """
    if math.prod(x.shape[a] for a in axes) <= MANY or x.dtype == ops.namespace(x).float64:
        middle = mean(x, axes, mask)
        return x - middle, middle
    over = {a % x.ndim for a in axes}
    one = x[tuple(slice(0, 1) if a in over else slice(None) for a in range(x.ndim))]
    apart = x - one
    middle = mean(apart, axes, mask)
    return apart - middle, one + middle


def unit(x: Array, axes: Axes, eps: float, mask: Array | None = None) -> tuple[Array, Array, Array]:
    """(z = x / r, 1 / r, mean x^2) with r = sqrt(mean x^2 + eps)."""
    square = mean(x * x, axes, mask)
    inverse = 1 / ops.namespace(x).sqrt(square + eps)
    return x * inverse, inverse, square


def unit_backward(z: Array, inverse: Array, dz: Array, axes: Axes) -> Array:
    """dx = (dz - z mean(dz z)) / r."""
    return (dz - z * mean(dz * z, axes)) * inverse


def affine_init(shape: Shape, scale: bool, shift: bool) -> Params:
    """Those of scale 1 and shift 0 that are wanted."""
    return {**({"scale": np.ones(shape)} if scale else {}), **({"shift": np.zeros(shape)} if shift else {})}


def affine(params: Params, z: Array) -> Array:
    """y = scale z + shift, of which either may be left out."""
    y = params["scale"] * z if "scale" in params else z
    return y + params["shift"] if "shift" in params else y


def affine_backward(params: Params, z: Array, dy: Array) -> tuple[Array, Params]:
    """(dz = scale dy, {"scale": sum of dy z, "shift": sum of dy}), summed over all axes but the last."""
    xp, rows = ops.namespace(dy), tuple(range(dy.ndim - 1))
    gradients: Params = {}
    if "scale" in params:
        gradients["scale"] = xp.sum(dy * z, axis=rows)
    if "shift" in params:
        gradients["shift"] = xp.sum(dy, axis=rows)
    return (params["scale"] * dy if "scale" in params else dy), gradients
