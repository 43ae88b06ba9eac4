"""Common code of recurrent layers: parameters of their gates, and what concerns all steps at once.

Shapes: B rows of T steps of n numbers, x (B, T, n); m units, k numbers of all gates of a unit's step; arrays of steps
(T, B, ...), weight (n, k m), bias (k m,), recurrent weight (m, k m).
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np

from bpframe.plugin import Array, HostArray, Initializer, Params, Shape, ShapeError, draw_parameter, ops


def features(owner: str, in_shape: Shape) -> int:
    """n; ShapeError to `owner` where rows are no sequences."""
    if len(in_shape) != 2 or not all(in_shape):
        raise ShapeError(f"{owner} needs rows of steps and numbers, (T, n), got {in_shape}. Reshape them first.")
    return in_shape[1]


def out_shape(in_shape: Shape, units: int, sequences: bool) -> Shape:
    """The shape of a row of y: that of all steps, or of one."""
    return (in_shape[0], units) if sequences else (units,)


def draw_gates(initializer: Initializer, rng: np.random.Generator, n: int, units: int, gates: int) -> HostArray:
    """(n, gates units) weights, each gate's drawn by itself, so that an initializer sees the fans of one gate."""
    return np.concatenate([draw_parameter(initializer, rng, (n, units), n, units) for _ in range(gates)], axis=1)


def swapped(x: Array) -> Array:
    """Rows and steps in each other's place."""
    return ops.namespace(x).permute_dims(x, (1, 0, 2))


def steps_of(x: Array, params: Params) -> Array:
    """(T, B, k m), x w + b of each step: one product for all of them."""
    xp, (count, steps, n) = ops.namespace(x), x.shape
    a = ops.matmul(xp.reshape(swapped(x), (steps * count, n)), params["weight"]) + params["bias"]
    return xp.reshape(a, (steps, count, a.shape[1]))


def steps_backward(x: Array, params: Params, da: Array, need_dx: bool) -> tuple[Array | None, Params]:
    """(dx or None, {"weight", "bias"}) from the slopes da (T, B, k m)."""
    xp, (count, steps, n) = ops.namespace(x), x.shape
    flat = joined(da)
    gradients = {"weight": ops.matmul_tn(joined(swapped(x)), flat), "bias": ops.sum_rows(flat)}
    if not need_dx:
        return None, gradients
    return swapped(xp.reshape(ops.matmul(flat, params["weight"].T), (steps, count, n))), gradients


def joined(x: Array) -> Array:
    """(T B, k): the rows of all steps one below the other, x (T, B, k)."""
    steps, count, k = x.shape
    return ops.namespace(x).reshape(x, (steps * count, k))


def start(x: Array, units: int) -> Array:
    """(B, units) zeros: the state before the first step."""
    return ops.namespace(x).zeros((x.shape[0], units), dtype=x.dtype, **ops.placement(x))


def counted_steps(x: Array, mask_value: float | None) -> Any:
    """(T, B, 1) which steps count: those with a number other than `mask_value`; None where all do."""
    if mask_value is None:
        return None
    xp, others = ops.namespace(x), cast(Any, x) != mask_value
    return swapped(xp.any(others, axis=-1, keepdims=True))


def chosen(counts: Any, new: Array, old: Any) -> Array:
    """`new` where a step counts, else `old`; new itself where all do."""
    return new if counts is None else ops.namespace(new).where(counts, new, old)


def slopes(dy: Array, sequences: bool) -> tuple[Any, Any]:
    """(the slope in the last state, those in the outputs of all steps (T, B, m) or None) from dy."""
    if not sequences:
        return dy, None
    by_step = swapped(dy)
    return ops.namespace(dy).zeros_like(by_step[0, ...]), by_step
