"""Rational activation.  Shapes: u and v (B, ..., n), numerator (4,) and denominator (2,), lowest power first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from bpframe.plugin import Array, Cache, Context, Params, Shape, ops

# the best approximation of relu on [-1, 1] of this type, as Boulle et al. start from
NUMERATOR, DENOMINATOR = (0.0218, 0.5, 1.5957, 1.1915), (0.0, 2.383)


@final
@dataclass(frozen=True)
class Rational:
    """v = P / Q,  P = a_0 + a_1 u + a_2 u^2 + a_3 u^3,  Q = 1 + |b_1 u + b_2 u^2|; du = dv (P' - v Q') / Q.

    The coefficients are learned, one set for all features; they start within 0.022 of relu on [-1, 1]. Q is at least 1,
    so that there are no poles, in the form of Molina et al.; Boulle et al. leave the bars out.
    With da_k = sum of dv u^k / Q and db_k = -sum of dv v u^k sign(b_1 u + b_2 u^2) / Q.
    Source: Boulle, Nakatsukasa and Townsend (2020), Rational neural networks, arXiv:2004.01902; Molina, Schramowski and
    Kersting (2020), Pade activation units, arXiv:1907.06732, equation 5.
    """

    range: ClassVar[str] = "(-inf, inf)"

    def init(self, rng: np.random.Generator, in_shape: Shape) -> tuple[Params, Shape]:
        """{"numerator", "denominator"}; rows keep their shape."""
        return {"numerator": np.array(NUMERATOR), "denominator": np.array(DENOMINATOR)}, in_shape

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Cache]:
        """(v, (u, v, Q, the sign of what Q has between bars))."""
        a, b = params["numerator"], params["denominator"]
        inner = x * (b[0] + b[1] * x)
        q = 1 + abs(inner)
        v = (a[0] + x * (a[1] + x * (a[2] + x * a[3]))) / q
        return v, (x, v, q, ops.namespace(x).sign(inner))

    def backward(self, params: Params, cache: Cache, dy: Array, context: Context) -> tuple[Array | None, Params]:
        """(dv (P' - v Q') / Q, or None; {"numerator", "denominator"})."""
        x, v, q, sign = cache
        xp, a, b = ops.namespace(dy), params["numerator"], params["denominator"]
        per, below = dy / q, -dy * v * sign / q
        powers = [xp.sum(per), xp.sum(per * x), xp.sum(per * x * x), xp.sum(per * x * x * x)]
        gradients = {"numerator": xp.stack(powers), "denominator": xp.stack([xp.sum(below * x), xp.sum(below * x * x)])}
        if not context.need_dx:
            return None, gradients
        slope = a[1] + x * (2 * a[2] + x * (3 * a[3]))
        return per * (slope - v * sign * (b[0] + 2 * b[1] * x)), gradients
