"""Normalisation by the root mean square.  Shapes: x, z and y (B, ..., n), scale (n,); means are over the last axis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from bpframe.plugin import Array, Cache, Context, Params, Shape, checks
from bpframe_layers.moments import affine, affine_backward, affine_init, features, unit, unit_backward

LAST = (-1,)


@final
@dataclass(frozen=True)
class RmsNorm:
    """y = scale z, z = x / sqrt(mean x^2 + eps), with the mean over each row's own features.

    With dz = scale dy: dx = (dz - z mean(dz z)) / sqrt(mean x^2 + eps). `scale` says whether there is one to train.
    Source: Zhang and Sennrich (2019), arXiv:1910.07467, equation 4, which has no eps; Keras and Flax add 1e-6 as here.
    """

    eps: float = 1e-6
    scale: bool = True
    range: ClassVar[str] = "(-inf, inf)"

    def __post_init__(self) -> None:
        checks.positive("rms_norm", eps=self.eps)

    def init(self, rng: np.random.Generator, in_shape: Shape) -> tuple[Params, Shape]:
        """{"scale": 1}, (n,); rows keep their shape."""
        return affine_init(features("rms_norm", in_shape), self.scale, False), in_shape

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Cache]:
        """(y, (z, 1 / sqrt(mean x^2 + eps)))."""
        z, inverse, _ = unit(x, LAST, self.eps)
        return affine(params, z), (z, inverse)

    def backward(self, params: Params, cache: Cache, dy: Array, context: Context) -> tuple[Array | None, Params]:
        """(dx or None, {"scale"})."""
        z, inverse = cache
        dz, gradients = affine_backward(params, z, dy)
        return (unit_backward(z, inverse, dz, LAST) if context.need_dx else None), gradients
