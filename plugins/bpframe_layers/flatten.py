"""Rows of any shape as rows of one axis.  Shapes: x (B, ...), y (B, n), n the product of all axes of a row."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

import numpy as np

from bpframe.plugin import Array, Cache, Context, HostArray, Params, Shape, number_sets, ops


@final
@dataclass(frozen=True)
class Flatten:
    """y = x with all axes of a row in one, the last axis fastest; dx = dy in the shape of x."""

    def init(self, rng: np.random.Generator, in_shape: Shape) -> tuple[Params, Shape]:
        """No parameters; rows of one axis."""
        return {}, (math.prod(in_shape),)

    def check_inputs(self, x: HostArray) -> HostArray:
        """The rows in their other shape."""
        return x.reshape(len(x), -1)

    def range_after(self, inputs: str | None) -> str | None:
        """That of the inputs; a row may be several of theirs."""
        return number_sets.side_by_side(inputs)

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Cache]:
        """(x as (B, n), the shape of x)."""
        return ops.namespace(x).reshape(x, (x.shape[0], math.prod(x.shape[1:]))), x.shape

    def backward(self, params: Params, cache: Cache, dy: Array, context: Context) -> tuple[Array | None, Params]:
        """dy in the shape of x."""
        return ops.namespace(dy).reshape(dy, cache), {}
