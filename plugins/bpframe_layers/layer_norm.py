"""Layer normalisation.  Shapes: x, z and y (B, ..., n), scale and shift (n,); means are over the last axis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, cast, final

import numpy as np

from bpframe.plugin import Array, Cache, Context, Params, Shape, checks
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

LAST = (-1,)


@final
@dataclass(frozen=True)
class LayerNorm:
    """y = scale z + shift, z = (x - mean) / sqrt(var + eps), with the mean and variance of each row's own features.

    With dz = scale dy: dx = (dz - mean(dz) - z mean(dz z)) / sqrt(var + eps). The variance is divided by n. `center`
    and `scale` say whether there is a shift and a scale to train. An `eps` that is left out is that of the
    `convention`: 1e-5 of "torch", and without any, 1e-3 of "keras"; Flax has 1e-6.
    Source: Ba, Kiros and Hinton (2016), arXiv:1607.06450, equation 4.
    """

    eps: float | None = None
    center: bool = True
    scale: bool = True
    convention: Literal["torch", "keras"] | None = None
    left_out: ClassVar[LeftOut] = {"convention": {"torch": {"eps": 1e-5}, "keras": {"eps": 1e-3}}}
    range: ClassVar[str] = "(-inf, inf)"

    def __post_init__(self) -> None:
        take_convention("layer_norm", self)
        checks.positive("layer_norm", eps=cast(float, self.eps))

    def init(self, rng: np.random.Generator, in_shape: Shape) -> tuple[Params, Shape]:
        """{"scale": 1, "shift": 0}, each (n,); rows keep their shape."""
        return affine_init(features("layer_norm", in_shape), self.scale, self.center), in_shape

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Cache]:
        """(y, (z, 1 / sqrt(var + eps)))."""
        z, inverse, _ = unit(centred(x, LAST)[0], LAST, cast(float, self.eps))
        return affine(params, z), (z, inverse)

    def backward(self, params: Params, cache: Cache, dy: Array, context: Context) -> tuple[Array | None, Params]:
        """(dx or None, {"scale", "shift"})."""
        z, inverse = cache
        dz, gradients = affine_backward(params, z, dy)
        if not context.need_dx:
            return None, gradients
        dx = unit_backward(z, inverse, dz, LAST)
        return dx - mean(dx, LAST), gradients
