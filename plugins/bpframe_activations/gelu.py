"""Gaussian error linear unit.  Shapes: u pre-activation, v value any, alike."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal, final

import numpy as np

from bpframe.plugin import Array, Cache, Context, Params, Shape, checks, ops
from bpframe_activations.sigmoid import Sigmoid

CUBIC = 0.044715


@final
@dataclass(frozen=True)
class Gelu:
    """v = u Phi(u), Phi the normal distribution function (1 + erf(u / sqrt(2))) / 2; phi'(u) = Phi(u) + u N(u).

    N is the normal density. approximate="tanh" has (1 + tanh(a)) / 2 in place of Phi, a = sqrt(2 / pi) (u + 0.044715
    u^3), within 0.0005 of v, and the derivative of just that.
    A layer that keeps the derivative: v falls to -0.17 at u = -0.752 and rises on both sides, so one value has two
    slopes, and from u every digit of Phi would have to be computed twice.
    Source: Hendrycks and Gimpel (2016), Gaussian error linear units, arXiv:1606.08415, section 2.
    """

    approximate: Literal["none", "tanh"] = "none"
    range: ClassVar[str] = "[-0.171, inf)"

    def __post_init__(self) -> None:
        checks.one_of("gelu", ("none", "tanh"), approximate=self.approximate)

    def init(self, rng: np.random.Generator, in_shape: Shape) -> tuple[Params, Shape]:
        """No parameters; rows keep their shape."""
        return {}, in_shape

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Cache]:
        """(v, phi'(u))."""
        gate, density = _normal(x) if self.approximate == "none" else _logistic(x)
        return x * gate, gate + x * density

    def backward(self, params: Params, cache: Cache, dy: Array, context: Context) -> tuple[Array | None, Params]:
        """dy phi'(u)."""
        return dy * cache, {}


def _normal(u: Array) -> tuple[Array, Array]:
    """(Phi(u), its slope), shape of u: Phi by erfc, since 1 + erf would lose the digits of the tail below."""
    xp = ops.namespace(u)
    return ops.erfc(-math.sqrt(0.5) * u) / 2, xp.exp(-0.5 * u * u) / math.sqrt(2 * math.pi)


def _logistic(u: Array) -> tuple[Array, Array]:
    """((1 + tanh(a)) / 2, its slope), shape of u: the same as sigmoid(2 a), which keeps the digits of the tail."""
    scale, square = 2 * math.sqrt(2 / math.pi), u * u
    s = Sigmoid().value(scale * u * (1 + CUBIC * square))
    return s, s * (1 - s) * (scale + 3 * scale * CUBIC * square)
