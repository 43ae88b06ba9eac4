"""Upsampling: each cell several times along each axis of space.  Shapes: x (B, *S, C), y and dy (B, *(S factor), C)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from bpframe.plugin import Array, Cache, ConfigError, Context, HostArray, Params, Shape, ShapeError, checks, ops


@final
@dataclass(frozen=True)
class Upsample:
    """y[p] = x[p // factor], the nearest cell; dx = the sum of dy over the cells that came of one.

    `factor`: one number for all axes of space, or one for each.
    """

    factor: int | Sequence[int] = 2

    def __post_init__(self) -> None:
        if isinstance(self.factor, Sequence):
            if not self.factor:
                raise ConfigError("upsample needs a number as factor, or one for each axis of space, got none.")
            factors = tuple(checks.whole("upsample", 1, factor=each) for each in self.factor)
            object.__setattr__(self, "factor", factors)
        else:
            checks.whole("upsample", 1, factor=self.factor)

    @classmethod
    def example_configs(cls) -> list[dict[str, Any]]:
        """Both axes alike; each its own."""
        return [{}, {"factor": [1, 3]}]

    def example_input(self, rng: np.random.Generator) -> HostArray:
        """Rows of 2 x 3 with 2 channels (3, ...)."""
        return rng.normal(size=(3, 2, 3, 2))

    def init(self, rng: np.random.Generator, in_shape: Shape) -> tuple[Params, Shape]:
        """No parameters; rows with more cells."""
        factors = self._factors(in_shape)
        return {}, (*(n * k for n, k in zip(in_shape, factors, strict=False)), in_shape[-1])

    def range_after(self, inputs: str | None) -> str | None:
        """That of the inputs."""
        return inputs

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Cache]:
        """(y, the shape of x)."""
        xp, y = ops.namespace(x), x
        for axis, factor in enumerate(self._factors(x.shape[1:]), start=1):
            y = y if factor == 1 else xp.repeat(y, factor, axis=axis)
        return y, x.shape

    def backward(self, params: Params, cache: Cache, dy: Array, context: Context) -> tuple[Array | None, Params]:
        """Sums over what came of one cell."""
        if not context.need_dx:
            return None, {}
        pairs = zip(cache[1:], self._factors(cache[1:]), strict=False)
        shape = (cache[0], *(n for pair in pairs for n in pair), cache[-1])
        xp = ops.namespace(dy)
        return xp.sum(xp.reshape(dy, shape), axis=tuple(range(2, len(shape) - 1, 2))), {}

    def _factors(self, in_shape: Shape) -> Shape:
        """The factor of each axis of space."""
        axes = len(in_shape) - 1
        factors = (self.factor,) * axes if isinstance(self.factor, int) else tuple(self.factor)
        if axes < 1 or len(factors) != axes:
            raise ShapeError(f"upsample needs rows with an axis of space for each of {self.factor}, got {in_shape}.")
        return factors
