"""Gamma loss, of positive amounts.  Shapes: z (B, C) scores, target (B, C) above 0; mu = exp(z)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, final

from bpframe.plugin import Array, HostArray, continuous, ops
from bpframe_losses.bounds import exponent
from bpframe_losses.domain import admit


@final
@dataclass(frozen=True)
class Gamma:
    """loss = sum_c y_c exp(-z_c) + z_c, in nats times the shape of the distribution; delta = 1 - y / mu.

    The negative log likelihood of gamma distributed amounts of mean mu = exp(z), without what no score changes. z is
    bounded below (by -40 in float32, -350 in float64): beyond, value and delta are those of the bound.
    Source: McCullagh and Nelder (1989), Generalized Linear Models, chapter 8.
    """

    link: ClassVar[str] = "exponential"

    def value_and_delta(self, scores: Array, target: Array) -> tuple[Array, Array]:
        """(loss (B,), delta (B, C))."""
        xp = ops.namespace(scores)
        z = xp.maximum(scores, -exponent(scores))
        ratio = target * xp.exp(-z)
        return xp.sum(ratio + z, axis=-1), 1 - ratio

    def encode_target(self, y: HostArray, learned: dict[str, Any]) -> HostArray:
        """(N, C) numbers; DataError for one that is not above 0."""
        target = continuous(y, learned)
        remedy = "Where some amounts are 0 use tweedie; for quantities of any sign, mse."
        return admit("gamma", target, target > 0, "numbers above 0", remedy)
