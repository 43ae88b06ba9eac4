"""Cutmix: a box of each row from another, and its target by as much.

Shapes: B rows x (B, *S, C) with axes of space S, or rows of one axis with `shape`; target (B, M), weight (B,) or None;
part a single number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, ClassVar, final

from bpframe.plugin import Array, Hyper, Key, checks, ops
from bpframe_augmentations.images import OverSpace, checked_shape, refuse_positions, with_space
from bpframe_augmentations.mixtures import mixture, numbers, part_of_other


@final
@dataclass(frozen=True)
class Cutmix(OverSpace):
    """x_i <- x_j inside a box, target <- (1 - part) target_i + part target_j; part is the box's part of space.

    One box for a batch, j a random order of its rows. The box is part^(1 / axes) of each axis, at a random place, what
    would lie outside cut off; that part is min(b, 1 - b), b ~ Beta(alpha, alpha), so that a row stays the greater part
    of itself. With an alpha of 1 b is uniform. Rows with weights mix as in `mixup`. `shape` is that of a row where
    rows have one axis only.
    Source: Yun et al. (2019), CutMix: regularization strategy to train strong classifiers with localizable features,
    arXiv:1905.04899, section 3.
    """

    alpha: float = 1.0
    shape: Sequence[int] | None = None
    mixes_targets: ClassVar[bool] = True

    def __post_init__(self) -> None:
        checks.not_negative("cutmix", alpha=self.alpha)
        object.__setattr__(self, "shape", checked_shape("cutmix", self.shape))

    def augment(
        self, x: Array, target: Array, weight: Array | None, key: Key, h: Hyper
    ) -> tuple[Array, Array, Array | None]:
        """(rows with a box of others, mixtures of targets, of weights)."""
        refuse_positions("cutmix", target, " Take mixup.")
        xp, rows = ops.namespace(x), with_space("cutmix", x, self.shape)
        inside = _box(rows, part_of_other(h.alpha, key, x), key.child("place"))
        part = xp.mean(xp.astype(inside, x.dtype))

        def mix(rows: Array, other: Array) -> Array:
            return xp.where(inside, other, rows)

        rows, target, weight = mixture((rows, target, weight), part, key, mix)
        return xp.reshape(rows, x.shape), target, weight


def _box(rows: Array, part: Any, key: Key) -> Any:
    """(1, *S, 1) which cells lie in a box of about that part of them."""
    xp, axes = ops.namespace(rows), rows.ndim - 2
    centres: Any = key.uniform(numbers(axes, rows))
    sides = []
    for axis in range(axes):
        n = rows.shape[axis + 1]
        cell: Any = xp.astype(xp.arange(n, **ops.placement(rows)), rows.dtype) + 0.5
        side = abs(cell - centres[axis] * n) < part ** (1 / axes) * (n / 2)
        sides.append(xp.reshape(side, (1, *(n if k == axis else 1 for k in range(axes)), 1)))
    return reduce(xp.logical_and, sides)
