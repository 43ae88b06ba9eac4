"""Mixup: rows and targets as mixtures of two.

Shapes: B rows, x (B, ...), target (B, ...), weight (B,), (B, *S) of positions, or None; part a single number.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, final

from bpframe.plugin import Array, Hyper, Key, checks, ops

TRIES = 16  # of a draw that is accepted with a probability above 0.95
LEAST = 1e-6  # of alpha, which as 0 stands for no mixture


@final
@dataclass(frozen=True)
class Mixup:
    """x_i <- (1 - part) x_i + part x_j, target likewise; part = min(b, 1 - b), b ~ Beta(alpha, alpha).

    One part for a batch, j a random order of its rows. Of b and 1 - b the larger is the row's own, so that it stays
    the greater part of itself; an alpha of 0 mixes nothing, with 1 b is uniform. A row with weight w_i counts as
    (1 - part) w_i + part w_j, and each target by its part of that, so that the loss is the mean of both (exactly, where
    it is linear in the target, as cross-entropies are); rows of weight 0 are mixed with none, and of sequences those of
    which the same positions count.
    Source: Zhang et al. (2018), mixup: beyond empirical risk minimization, arXiv:1710.09412; gamma variates: Marsaglia
    and Tsang (2000), A simple method for generating gamma variables, ACM TOMS 26.
    """

    alpha: float = 0.2
    mixes_targets: ClassVar[bool] = True

    def __post_init__(self) -> None:
        checks.not_negative("mixup", alpha=self.alpha)

    def augment(
        self, x: Array, target: Array, weight: Array | None, key: Key, h: Hyper
    ) -> tuple[Array, Array, Array | None]:
        """(mixtures of rows, of targets, of weights)."""
        xp = ops.namespace(x)
        part = _part_of_other(h.alpha, key, x)
        order = xp.argsort(key.child("order").uniform(_numbers(x.shape[0], x)))
        other, other_target = xp.take(x, order, axis=0), xp.take(target, order, axis=0)
        mixture = x + part * (other - x)
        if weight is None:
            return mixture, target + part * (other_target - target), None
        other_weight = xp.take(weight, order, axis=0)
        counts = weight > 0
        alike: Any = counts == (other_weight > 0)  # where both count, or, of positions, neither
        of_row = xp.logical_and(_all(alike), xp.logical_not(_all(xp.logical_not(counts))))
        mixed = xp.logical_and(ops.along_rows(of_row, weight), counts)
        new = xp.where(mixed, weight + part * (other_weight - weight), weight)
        of_target = ops.along_rows(part * other_weight / xp.where(mixed, new, 1.0), target)
        targets = target + of_target * (other_target - target)
        x = xp.where(ops.along_rows(of_row, x), mixture, x)
        return x, xp.where(ops.along_rows(mixed, target), targets, target), new


def _all(flags: Array) -> Array:
    """(B,) whether they hold at every position of a row."""
    return ops.namespace(flags).all(flags, axis=tuple(range(1, flags.ndim)))


def _part_of_other(alpha: Any, key: Key, x: Array) -> Any:
    """min(b, 1 - b), b = g / (g + g') of two gamma variates of shape alpha, by the difference of their logarithms."""
    xp = ops.namespace(x)
    alpha = xp.maximum(xp.asarray(alpha, dtype=x.dtype, **ops.placement(x)), LEAST)
    first, second = (_log_gamma_variate(alpha, key.child(name), x) for name in ("first", "second"))
    ratio = xp.exp(-abs(first - second))
    return ratio / (1 + ratio)


def _log_gamma_variate(alpha: Any, key: Key, x: Array) -> Any:
    """log g, g of shape alpha: one of shape alpha + 1, the first of TRIES draws that holds, times u^(1 / alpha)."""
    xp, like = ops.namespace(x), _numbers(TRIES, x)
    d = alpha + 2 / 3
    normal = key.child("normal").normal(like)
    root = 1 + normal / xp.sqrt(9 * d)
    v = xp.maximum(root * root * root, 1e-30)
    log_v = xp.log(v)
    accepted = xp.log1p(-key.child("test").uniform(like)) < normal * normal / 2 + d * (1 - v + log_v)
    number = xp.arange(TRIES, **ops.placement(x))
    last = xp.max(xp.where(xp.logical_and(accepted, root > 0), TRIES - number, 1))  # that of the first
    log_g = xp.log(d) + xp.sum(xp.where(TRIES - number == last, log_v, 0.0))
    return log_g + xp.sum(xp.log1p(-key.child("power").uniform(_numbers(1, x)))) / alpha


def _numbers(count: int, x: Array) -> Array:
    return ops.namespace(x).zeros((count,), dtype=x.dtype, **ops.placement(x))
