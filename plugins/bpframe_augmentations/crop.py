"""Crop: a part of each row, scaled to the whole.

Shapes: x (B, *S, C) with axes of space S of n cells, or rows of one axis with `shape`; target and weight as they come.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

from bpframe.plugin import Array, Hyper, Key, checks, ops
from bpframe_augmentations.images import OverSpace, checked_shape, refuse_positions, row_numbers, with_space


@final
@dataclass(frozen=True)
class Crop(OverSpace):
    """x_i <- a part s_i of each axis of space, s_i uniform from `least` to 1, at a random place, scaled to n cells.

    Cell k of n shows place a + s (k + 1/2) - 1/2 of an axis, a from 0 to n - s n, between two cells by their distances
    (linear). So an object is seen closer, and none of the row is invented; `shift` moves it instead. For images
    (height, width, channels), which keep their proportions, and sequences (steps, channels); `shape` is that of a row
    where rows have one axis only.
    Source: Szegedy et al. (2015), Going deeper with convolutions, arXiv:1409.4842, section 6, with proportions kept.
    """

    least: float = 0.7
    shape: Sequence[int] | None = None

    def __post_init__(self) -> None:
        checks.fraction("crop", least=self.least)
        object.__setattr__(self, "shape", checked_shape("crop", self.shape))

    def augment(
        self, x: Array, target: Array, weight: Array | None, key: Key, h: Hyper
    ) -> tuple[Array, Array, Array | None]:
        """(parts of rows, target, weight)."""
        refuse_positions("crop", target)
        xp, rows = ops.namespace(x), with_space("crop", x, self.shape)
        scale: Any = h.least + (1 - h.least) * key.child("scale").uniform(row_numbers(x))
        for axis in range(1, rows.ndim - 1):
            start = key.child(f"start{axis}").uniform(row_numbers(x)) * (rows.shape[axis] * (1 - scale))
            rows = _scaled(rows, axis, start, scale)
        return xp.reshape(rows, x.shape), target, weight


def _scaled(rows: Array, axis: int, start: Any, scale: Any) -> Array:
    """Rows of which an axis of n cells shows `scale` n cells from `start` on, each (B,), as a product by row."""
    xp, n = ops.namespace(rows), rows.shape[axis]
    cell: Any = xp.astype(xp.arange(n, **ops.placement(rows)), rows.dtype)
    place = xp.clip(xp.reshape(start, (-1, 1)) + xp.reshape(scale, (-1, 1)) * (cell + 0.5) - 0.5, 0.0, float(n - 1))
    near: Any = xp.maximum(1 - abs(place[:, :, None] - cell), 0.0)  # (B, n, n): how much of a cell another shows
    last = xp.moveaxis(rows, axis, 1)
    flat = xp.reshape(last, (last.shape[0], n, -1))
    return xp.moveaxis(xp.reshape(near @ flat, last.shape), 1, axis)
