"""Flip: rows mirrored along an axis of space.

Shapes: x (B, *S, C), or rows of one axis with `shape`; target and weight as they come.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

from bpframe.plugin import Array, ConfigError, Hyper, Key, checks, ops
from bpframe_augmentations.images import OverSpace, checked_shape, of_rows, refuse_positions, row_numbers, with_space


@final
@dataclass(frozen=True)
class Flip(OverSpace):
    """x_i <- x_i with the order of an axis reversed, with probability `rate`, each row on its own.

    `axis` counts the axes of a row from 0; -2, the last before the channels, is the width of images: left and right in
    each other's place. `shape` is that of a row where rows have one axis only.
    Source: Krizhevsky, Sutskever and Hinton (2012), ImageNet classification, section 4.1.
    """

    rate: float = 0.5
    axis: int = -2
    shape: Sequence[int] | None = None

    def __post_init__(self) -> None:
        checks.fraction("flip", rate=self.rate)
        object.__setattr__(self, "shape", checked_shape("flip", self.shape))

    @classmethod
    def example_configs(cls) -> list[dict[str, Any]]:
        """For rows of three numbers."""
        return [{"shape": [3, 1]}]

    def augment(
        self, x: Array, target: Array, weight: Array | None, key: Key, h: Hyper
    ) -> tuple[Array, Array, Array | None]:
        """(some rows mirrored, target, weight)."""
        refuse_positions("flip", target)
        xp, rows = ops.namespace(x), with_space("flip", x, self.shape)
        axes = rows.ndim - 1
        if not -axes <= self.axis < axes or self.axis % axes == axes - 1:
            raise ConfigError(f"flip needs an axis of space of rows {rows.shape[1:]}, got axis={self.axis}.")
        chosen: Any = key.uniform(row_numbers(x))
        mirrored = xp.where(of_rows(chosen < h.rate, rows), xp.flip(rows, axis=1 + self.axis % axes), rows)
        return xp.reshape(mirrored, x.shape), target, weight
