"""Rows in another shape.  Shapes: x (B, *in_shape), y (B, *shape)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from bpframe.plugin import (
    Array,
    Cache,
    ConfigError,
    Context,
    HostArray,
    Params,
    Shape,
    ShapeError,
    checks,
    number_sets,
    ops,
)


@final
@dataclass(frozen=True)
class Reshape:
    """y = x with each row in `shape`, the last axis fastest; dx = dy in the shape of x.

    One of the axes may be -1: as long as is needed. The batch axis is not named.
    """

    shape: tuple[int, ...]

    def __post_init__(self) -> None:
        if not isinstance(self.shape, tuple | list) or self.shape.count(-1) > 1:
            raise ConfigError(f"reshape needs axes as shape, of which one may be -1, got {self.shape!r}.")
        axes = tuple(-1 if n == -1 else checks.whole("reshape", 1, shape=n) for n in self.shape)
        object.__setattr__(self, "shape", axes)

    @classmethod
    def example_configs(cls) -> list[dict[str, Any]]:
        """A shape given in full, and one with an axis left open."""
        return [{"shape": (2, 3)}, {"shape": (2, -1)}]

    def example_input(self, rng: np.random.Generator) -> HostArray:
        """Rows of one axis that fit (4, n)."""
        return rng.normal(size=(4, abs(math.prod(self.shape)) * (3 if -1 in self.shape else 1)))

    def init(self, rng: np.random.Generator, in_shape: Shape) -> tuple[Params, Shape]:
        """No parameters; rows of `shape`."""
        return {}, self._rows(in_shape)

    def check_inputs(self, x: HostArray) -> HostArray:
        """The rows in their other shape."""
        return x.reshape(len(x), *self._rows(x.shape[1:]))

    def range_after(self, inputs: str | None) -> str | None:
        """That of the inputs; a row may be several of theirs."""
        return number_sets.side_by_side(inputs)

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Cache]:
        """(x as (B, *shape), the shape of x)."""
        return ops.namespace(x).reshape(x, (x.shape[0], *self._rows(x.shape[1:]))), x.shape

    def backward(self, params: Params, cache: Cache, dy: Array, context: Context) -> tuple[Array | None, Params]:
        """dy in the shape of x."""
        return ops.namespace(dy).reshape(dy, cache), {}

    def _rows(self, in_shape: Shape) -> Shape:
        """`shape` with its open axis filled in."""
        size, known = math.prod(in_shape), math.prod(n for n in self.shape if n != -1)
        if size % known if -1 in self.shape else size != known:
            raise ShapeError(f"reshape needs rows that fit into {self.shape}, got {in_shape}, {size} numbers.")
        return tuple(size // known if n == -1 else n for n in self.shape)
