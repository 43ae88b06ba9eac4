"""Log-cosh loss.  Shapes: z (B, C) scores, target (B, C)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, final

from bpframe.plugin import Array, ops


@final
@dataclass(frozen=True)
class LogCosh:
    """With r = z - y: loss = sum_c log cosh r_c, r in units of y; delta = tanh r.

    r^2 / 2 near 0, |r| - log 2 far out, smooth between.
    Source: Green (1990), Bayesian reconstructions from emission tomography data using a modified EM algorithm.
    """

    link: ClassVar[str] = "identity"

    def value_and_delta(self, scores: Array, target: Array) -> tuple[Array, Array]:
        """(loss (B,), delta (B, C))."""
        r = scores - target
        xp = ops.namespace(r)
        a = abs(r)
        s = xp.sinh(xp.minimum(a, 1.0))
        near = 0.5 * xp.log1p(s * s)  # keeps the digits of a small r, which the other form cancels
        far = a - math.log(2) + xp.log1p(xp.exp(-2 * a))
        return xp.sum(xp.where(a < 1, near, far), axis=-1), xp.tanh(r)
