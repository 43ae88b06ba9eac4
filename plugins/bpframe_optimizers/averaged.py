"""Averaging in the place of a learning rate schedule, common to the schedule-free rules.

x average (what one predicts with), y where the gradient is taken, z what the steps move; one shape.
The rules keep y as the parameter and z as state: x follows from both. Constraints hold for z: where their set is convex
x, a mean of all z, and y between the two are in it as well.
"""

from __future__ import annotations

from bpframe.plugin import Array, Hyper, State, ops
from bpframe_optimizers import wrapped


def init(y: Array) -> State:
    """x = y = z."""
    xp = ops.namespace(y)
    return {"z": xp.asarray(y, copy=True), "weight_sum": xp.zeros((), dtype=y.dtype, **ops.placement(y))}


def warmed_up(h: Hyper, steps: int, like: Array) -> Array:
    """lr min(1, t / steps), 0-d."""
    xp = ops.namespace(like)
    ramp = xp.asarray(h.step / max(1, steps), dtype=like.dtype, **ops.placement(like))
    lr: Array = h.lr * xp.minimum(ramp, xp.ones_like(ramp))
    return lr


def step(y: Array, u: Array, state: State, h: Hyper, lr: Array, beta: Array) -> tuple[Array, State]:
    """(y, new state) after z <- z - lr u;  x <- (1 - c) x + c z, c = lr^2 / sum of lr^2;  y <- (1 - beta) z + beta x.

    Written without x: y + c (z - y) is (1 - beta) z + beta x with the new x and the old z. h knows of constraints.
    """
    xp = ops.namespace(y)
    weight = lr * lr
    weight_sum = state["weight_sum"] + weight
    c = weight / xp.where(weight_sum > 0, weight_sum, xp.ones_like(weight_sum))
    z = state["z"]
    moved = y + c * (z - y) - lr * (1 - beta * (1 - c)) * u
    free = z - lr * u
    base = wrapped.allowed(free, h)
    if base is not free:
        moved = moved + (1 - beta * (1 - c)) * (base - free)
    return moved, {"z": base, "weight_sum": weight_sum}


def displaced(y: Array, change: Array, state: State, beta: Array) -> tuple[Array, State]:
    """(y, state) after z <- z + change; x stays, and y is between the two as before."""
    return y + (1 - beta) * change, {**state, "z": state["z"] + change}


def average(y: Array, state: State, beta: Array) -> Array:
    """x = (y - (1 - beta) z) / beta; exactly y where z is y."""
    z: Array = state["z"]
    return y + (1 - 1 / beta) * (z - y)
