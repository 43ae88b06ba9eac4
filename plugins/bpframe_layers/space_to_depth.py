"""Blocks of space as channels (depth).  Shapes: x (B, *S, C), y and dy (B, *(S / block), block^a C), a axes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from bpframe.plugin import Array, Cache, Context, HostArray, Params, Shape, ShapeError, checks, number_sets, ops


@final
@dataclass(frozen=True)
class SpaceToDepth:
    """y = x with the cells of each block next to each other as channels, the last axis fastest; dx the way back.

    A convolution with stride without losing a number. The order is TensorFlow's and ONNX's: cells first, then channels.
    """

    block: int = 2

    def __post_init__(self) -> None:
        checks.whole("space_to_depth", 1, block=self.block)

    def example_input(self, rng: np.random.Generator) -> HostArray:
        """Rows of two blocks by one with 3 channels (3, ...)."""
        return rng.normal(size=(3, 2 * self.block, self.block, 3))

    def init(self, rng: np.random.Generator, in_shape: Shape) -> tuple[Params, Shape]:
        """No parameters; rows of fewer cells and more channels."""
        space = in_shape[:-1]
        if not space or any(n % self.block for n in space):
            raise ShapeError(f"space_to_depth needs axes of space that {self.block} divides, got rows {in_shape}.")
        return {}, (*(n // self.block for n in space), self.block ** len(space) * in_shape[-1])

    def range_after(self, inputs: str | None) -> str | None:
        """That of the inputs; a row may be several of theirs."""
        return number_sets.side_by_side(inputs)

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Cache]:
        """(y, the shape of x)."""
        xp, (split, order) = ops.namespace(x), self._axes(x.shape)
        parted = xp.permute_dims(xp.reshape(x, split), order)
        cells = x.ndim - 1  # batch and blocks
        return xp.reshape(parted, (*parted.shape[:cells], math.prod(parted.shape[cells:]))), x.shape

    def backward(self, params: Params, cache: Cache, dy: Array, context: Context) -> tuple[Array | None, Params]:
        """dy in the order of x."""
        xp, (split, order) = ops.namespace(dy), self._axes(cache)
        parted = xp.reshape(dy, tuple(split[k] for k in order))
        back = tuple(int(k) for k in np.argsort(order))
        return xp.reshape(xp.permute_dims(parted, back), cache), {}

    def _axes(self, shape: Shape) -> tuple[Any, tuple[int, ...]]:
        """(x's shape with each axis of space as two, blocks and cells; the order of y's axes)."""
        axes = range(1, len(shape) - 1)
        split = (shape[0], *(n for k in axes for n in (shape[k] // self.block, self.block)), shape[-1])
        blocks, cells = [2 * k - 1 for k in axes], [2 * k for k in axes]
        return split, (0, *blocks, *cells, len(split) - 1)
