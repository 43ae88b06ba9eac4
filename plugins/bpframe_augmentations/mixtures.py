"""Common code of augmentations that mix two rows: shares, partners, and what becomes of targets and weights.

Shapes: B rows, x (B, ...), target (B, ...), weight (B,), (B, *S) of positions, or None; part a single number.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bpframe.plugin import Array, Key, ops

TRIES = 16  # of a draw that is accepted with a probability above 0.95
LEAST = 1e-6  # of alpha, which as 0 stands for no mixture
Rows = tuple[Array, Array, Array | None]


def mixture(rows: Rows, part: Any, key: Key, mix: Callable[[Array, Array], Array]) -> Rows:
    """(mix(x, other x), target, weight), each row with one other; `part` is that of the other in a mixture.

    A row with weight w_i counts as (1 - part) w_i + part w_j, and each target by its part of that. Rows of weight 0 are
    mixed with none, and of sequences those of which the same positions count.
    """
    x, target, weight = rows
    xp = ops.namespace(x)
    order = xp.argsort(key.child("order").uniform(numbers(x.shape[0], x)))
    other, other_target = xp.take(x, order, axis=0), xp.take(target, order, axis=0)
    if weight is None:
        return mix(x, other), target + part * (other_target - target), None
    other_weight = xp.take(weight, order, axis=0)
    counts: Any = weight > 0
    alike: Any = counts == (other_weight > 0)  # where both count, or, of positions, neither
    of_row = xp.logical_and(_all(alike), xp.logical_not(_all(xp.logical_not(counts))))
    mixed = xp.logical_and(ops.along_rows(of_row, weight), counts)
    new = xp.where(mixed, weight + part * (other_weight - weight), weight)
    of_target = ops.along_rows(part * other_weight / xp.where(mixed, new, 1.0), target)
    targets = target + of_target * (other_target - target)
    x = xp.where(ops.along_rows(of_row, x), mix(x, other), x)
    return x, xp.where(ops.along_rows(mixed, target), targets, target), new


def part_of_other(alpha: Any, key: Key, x: Array) -> Any:
    """min(b, 1 - b), b = g / (g + g') of two gamma variates of shape alpha, by the difference of their logarithms."""
    xp = ops.namespace(x)
    alpha = xp.maximum(xp.asarray(alpha, dtype=x.dtype, **ops.placement(x)), LEAST)
    first, second = (_log_gamma_variate(alpha, key.child(name), x) for name in ("first", "second"))
    ratio = xp.exp(-abs(first - second))
    return ratio / (1 + ratio)


def numbers(count: int, x: Array) -> Array:
    """So many zeros like x: what draws are like."""
    return ops.namespace(x).zeros((count,), dtype=x.dtype, **ops.placement(x))


def _all(flags: Array) -> Array:
    """(B,) whether they hold at every position of a row."""
    return ops.namespace(flags).all(flags, axis=tuple(range(1, flags.ndim)))


def _log_gamma_variate(alpha: Any, key: Key, x: Array) -> Any:
    """log g, g of shape alpha: one of shape alpha + 1, the first of TRIES draws that holds, times u^(1 / alpha)."""
    xp, like = ops.namespace(x), numbers(TRIES, x)
    d = alpha + 2 / 3
    normal = key.child("normal").normal(like)
    root = 1 + normal / xp.sqrt(9 * d)
    v = xp.maximum(root * root * root, 1e-30)
    log_v = xp.log(v)
    accepted = xp.log1p(-key.child("test").uniform(like)) < normal * normal / 2 + d * (1 - v + log_v)
    number = xp.arange(TRIES, **ops.placement(x))
    last = xp.max(xp.where(xp.logical_and(accepted, root > 0), TRIES - number, 1))  # that of the first
    log_g = xp.log(d) + xp.sum(xp.where(TRIES - number == last, log_v, 0.0))
    return log_g + xp.sum(xp.log1p(-key.child("power").uniform(numbers(1, x)))) / alpha
