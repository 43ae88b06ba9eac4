"""Common code of augmentations of images and sequences: rows with their axes of space.

Shapes: x (B, ...) rows, or (B, *S, C) with axes of space S and channels last.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from bpframe.plugin import Array, Shape, ShapeError, checks, ops


class OverSpace:
    """An augmentation of rows whose axes of space are their own, or those of `shape`; what the kit tries it on."""

    shape: Sequence[int] | None

    @classmethod
    def example_configs(cls) -> list[dict[str, Any]]:
        """One axis of space; two."""
        return [{"shape": [3, 1]}, {"shape": [2, 2, 1]}]

    def example_input(self, rng: Any) -> Any:
        """Rows that fit (4, n)."""
        return rng.normal(size=(4, prod(self.shape or (3, 1))))


def checked_shape(owner: str, shape: Any) -> Shape | None:
    """The shape of a row, as given, of at least one axis of space and one of channels."""
    if shape is None:
        return None
    if not isinstance(shape, Sequence) or len(shape) < 2:
        raise ShapeError(f"{owner} needs the shape of a row as (..., channels), such as [8, 8, 1], got {shape!r}.")
    return tuple(checks.whole(owner, 1, shape=n) for n in shape)


def refuse_positions(owner: str, target: Array, remedy: str = "") -> None:
    """ShapeError where targets stand at positions, which do not move with what x has there."""
    if target.ndim > 2:
        raise ShapeError(f"{owner} needs an answer a row, got targets at positions, {target.shape[1:]}.{remedy}")


def with_space(owner: str, x: Array, shape: Sequence[int] | None) -> Array:
    """x (B, *S, C); rows of one axis take the shape that was given."""
    if shape is None:
        if x.ndim < 3:
            raise ShapeError(
                f"{owner} needs rows with axes of space, (..., channels), got {x.shape[1:]}. Give it the shape of rows."
            )
        return x
    if prod(x.shape[1:]) != prod(shape):
        raise ShapeError(f"{owner} needs rows that fit into its shape {shape}, got {x.shape[1:]}.")
    return ops.namespace(x).reshape(x, (x.shape[0], *shape))


def of_rows(values: Array, x: Array) -> Array:
    """Values (B,) with as many axes as x."""
    return ops.namespace(values).reshape(values, (-1,) + (1,) * (x.ndim - 1))


def row_numbers(x: Array) -> Array:
    """(B,) in the dtype of x: what draws of one number a row are like."""
    return ops.namespace(x).zeros((x.shape[0],), dtype=x.dtype, **ops.placement(x))
