"""Shift: rows moved by a few cells along each axis of space.

Shapes: x (B, *S, C), or rows of one axis with `shape`; target and weight as they come.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

from bpframe.plugin import Array, Hyper, Key, checks, ops
from bpframe_augmentations.images import OverSpace, checked_shape, of_rows, refuse_positions, row_numbers, with_space


@final
@dataclass(frozen=True)
class Shift(OverSpace):
    """x_i[p] <- x_i[p + s_i], s_i a whole number from -cells to cells for each axis of space, all alike probable.

    Cells that come in from outside are 0: a random crop of rows that were padded by as many zeros. For images (height,
    width, channels) and sequences (steps, channels); `shape` is that of a row where rows have one axis only. Every
    shift of a batch is made, (2 cells + 1)^a of a axes, and each row takes one.
    Source: Simard, Steinkraus and Platt (2003), Best practices for convolutional neural networks, section 2.
    """

    cells: int = 1
    shape: Sequence[int] | None = None

    def __post_init__(self) -> None:
        checks.whole("shift", 1, cells=self.cells)
        object.__setattr__(self, "shape", checked_shape("shift", self.shape))

    @classmethod
    def example_configs(cls) -> list[dict[str, Any]]:
        """One for rows of six numbers."""
        return [{"shape": [3, 1]}, {"shape": [1, 3, 1]}]

    def augment(
        self, x: Array, target: Array, weight: Array | None, key: Key, h: Hyper
    ) -> tuple[Array, Array, Array | None]:
        """(rows moved, target, weight)."""
        refuse_positions("shift", target)
        xp, rows = ops.namespace(x), with_space("shift", x, self.shape)
        axes, size = rows.ndim - 2, 2 * self.cells + 1
        windows = ops.Windows((size,) * axes, (1,) * axes, (1,) * axes, ((self.cells, self.cells),) * axes)
        drawn: Any = xp.floor(key.uniform(row_numbers(x)) * size**axes)
        moved: Any = xp.zeros_like(rows)
        for number, view in enumerate(ops.window_views(rows, windows)):
            moved = xp.where(of_rows(drawn == number, rows), view, moved)
        return xp.reshape(moved, x.shape), target, weight
