"""Group normalisation.  Shapes: x and y (B, *S, C), scale and shift (C,), z (B, m, groups, C / groups), m cells."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, cast, final

import numpy as np

from bpframe.plugin import Array, Cache, Context, HostArray, Params, Shape, ShapeError, checks, ops
from bpframe_layers.moments import (
    LeftOut,
    affine,
    affine_backward,
    affine_init,
    centred,
    features,
    mean,
    take_convention,
    unit,
    unit_backward,
)

CELLS = (1, 3)  # the axes that a mean is over


@final
@dataclass(frozen=True)
class GroupNorm:
    """y = scale z + shift, z = (x - mean) / sqrt(var + eps), mean and variance of each row and group of channels.

    They are over all of space. With dz = scale dy: dx = (dz - mean(dz) - z mean(dz z)) / sqrt(var + eps). `groups` 1:
    layer norm over all of a row; as many as channels: instance norm. An `eps` that is left out is that of the
    `convention`: 1e-5 of "torch", and without any, 1e-3 of "keras".
    Source: Wu and He (2018), Group normalization, arXiv:1803.08494, equations 1 to 7.
    """

    groups: int = 1
    eps: float | None = None
    center: bool = True
    scale: bool = True
    convention: Literal["torch", "keras"] | None = None
    left_out: ClassVar[LeftOut] = {"convention": {"torch": {"eps": 1e-5}, "keras": {"eps": 1e-3}}}
    range: ClassVar[str] = "(-inf, inf)"

    def __post_init__(self) -> None:
        checks.whole("group_norm", 1, groups=self.groups)
        take_convention("group_norm", self)
        checks.positive("group_norm", eps=cast(float, self.eps))

    @classmethod
    def example_configs(cls) -> list[dict[str, Any]]:
        """One group; two; without scale and shift."""
        return [{}, {"groups": 2}, {"groups": 4, "center": False, "scale": False}]

    def example_input(self, rng: np.random.Generator) -> HostArray:
        """Rows of 3 x 2 with 4 channels (3, ...)."""
        return rng.normal(size=(3, 3, 2, 4))

    def init(self, rng: np.random.Generator, in_shape: Shape) -> tuple[Params, Shape]:
        """{"scale": 1, "shift": 0}, each (C,); rows keep their shape."""
        (c,) = features("group_norm", in_shape)
        if c % self.groups:
            raise ShapeError(f"group_norm needs channels that its groups share alike, got {c}, groups={self.groups}.")
        return affine_init((c,), self.scale, self.center), in_shape

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Cache]:
        """(y, (z, 1 / sqrt(var + eps)))."""
        z, inverse, _ = unit(centred(self._grouped(x), CELLS)[0], CELLS, cast(float, self.eps))
        return affine(params, ops.namespace(x).reshape(z, x.shape)), (z, inverse)

    def backward(self, params: Params, cache: Cache, dy: Array, context: Context) -> tuple[Array | None, Params]:
        """(dx or None, {"scale", "shift"})."""
        xp, (z, inverse) = ops.namespace(dy), cache
        dz, gradients = affine_backward(params, xp.reshape(z, dy.shape), dy)
        if not context.need_dx:
            return None, gradients
        dx: Any = unit_backward(z, inverse, self._grouped(dz), CELLS)
        return xp.reshape(dx - mean(dx, CELLS), dy.shape), gradients

    def _grouped(self, x: Array) -> Array:
        """x (B, *S, C) as (B, m, groups, C / groups)."""
        c = x.shape[-1]
        shape = (x.shape[0], math.prod(x.shape[1:-1]), self.groups, c // self.groups)
        return ops.namespace(x).reshape(x, shape)
