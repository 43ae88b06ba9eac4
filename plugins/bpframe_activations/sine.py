"""Sine.  Shapes: u pre-activation, v value any, alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from bpframe.plugin import Array, Cache, Context, Params, Shape, checks, ops


@final
@dataclass(frozen=True)
class Sine:
    """v = sin(omega u); phi'(u) = omega cos(omega u).

    For functions of coordinates (images, sounds, solutions of differential equations), with the initializer siren of
    the same `omega`, which Keras and PyTorch lack. A layer that keeps u: one value has two slopes.
    Source: Sitzmann et al. (2020), Implicit neural representations with periodic activation functions,
    arXiv:2006.09661, equation 2.
    """

    omega: float = 30.0
    range: ClassVar[str] = "[-1, 1]"

    def __post_init__(self) -> None:
        checks.positive("sine", omega=self.omega)

    def init(self, rng: np.random.Generator, in_shape: Shape) -> tuple[Params, Shape]:
        """No parameters; rows keep their shape."""
        return {}, in_shape

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Cache]:
        """(v, omega u)."""
        angle = self.omega * x
        return ops.namespace(x).sin(angle), angle

    def backward(self, params: Params, cache: Cache, dy: Array, context: Context) -> tuple[Array | None, Params]:
        """dy omega cos(omega u)."""
        return dy * (self.omega * ops.namespace(dy).cos(cache)), {}
