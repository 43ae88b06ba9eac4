"""Padding with zeros along the axes of space (pad).  Shapes: x (B, *S, C), y and dy (B, *(S + padding), C)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from bpframe.plugin import Array, Cache, Context, HostArray, Params, Shape, ShapeError, number_sets, ops
from bpframe_layers.sliding import checked_padding


@final
@dataclass(frozen=True)
class ZeroPad:
    """y = x with cells of zeros before and after each axis of space; dx = dy without them.

    `padding`: one number for all ends, or a number or a pair (before, after) for each axis of space.
    """

    padding: int | Sequence[Any] = 1

    def __post_init__(self) -> None:
        axes = len(self.padding) if isinstance(self.padding, Sequence) else 1
        pairs = checked_padding("zero_pad", axes, self.padding)
        if isinstance(self.padding, Sequence):
            object.__setattr__(self, "padding", pairs)

    @classmethod
    def example_configs(cls) -> list[dict[str, Any]]:
        """All ends alike; each its own."""
        return [{}, {"padding": [[0, 2], [1, 0]]}]

    def example_input(self, rng: np.random.Generator) -> HostArray:
        """Rows of 2 x 3 with 2 channels (3, ...)."""
        return rng.normal(size=(3, 2, 3, 2))

    def init(self, rng: np.random.Generator, in_shape: Shape) -> tuple[Params, Shape]:
        """No parameters; rows with more cells."""
        pairs = self._pairs(in_shape)
        return {}, (*(n + sum(pair) for n, pair in zip(in_shape, pairs, strict=False)), in_shape[-1])

    def range_after(self, inputs: str | None) -> str | None:
        """That of the inputs and 0."""
        return inputs if inputs is None or number_sets.is_subset("[0, 0]", inputs) else None

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Cache]:
        """(y, the shape of x)."""
        return ops.pad(x, self._pairs(x.shape[1:])), x.shape

    def backward(self, params: Params, cache: Cache, dy: Array, context: Context) -> tuple[Array | None, Params]:
        """What lies inside."""
        slope: Any = dy
        return slope[ops.within(self._pairs(cache[1:]), cache[1:-1])], {}

    def _pairs(self, in_shape: Shape) -> tuple[tuple[int, int], ...]:
        axes = len(in_shape) - 1
        pairs = ((self.padding,) * 2,) * axes if isinstance(self.padding, int) else tuple(self.padding)
        if axes < 1 or len(pairs) != axes:
            raise ShapeError(f"zero_pad needs rows with an axis of space for each of {self.padding}, got {in_shape}.")
        return pairs
