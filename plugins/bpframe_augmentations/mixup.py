"""Mixup: rows and targets as mixtures of two.

Shapes: B rows, x (B, ...), target (B, ...), weight (B,), (B, *S) of positions, or None; part a single number.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from bpframe.plugin import Array, Hyper, Key, checks
from bpframe_augmentations.mixtures import mixture, part_of_other


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
        part = part_of_other(h.alpha, key, x)
        return mixture((x, target, weight), part, key, lambda x, other: x + part * (other - x))
