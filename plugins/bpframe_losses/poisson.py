"""Poisson loss, of counts.  Shapes: z (B, C) scores, target (B, C) of at least 0; mu = exp(z)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, final

from bpframe.plugin import Array, HostArray, continuous, ops
from bpframe_losses.bounds import exponent
from bpframe_losses.domain import admit


@final
@dataclass(frozen=True)
class Poisson:
    """loss = sum_c exp(z_c) - y_c z_c, in nats; with the exponential link, delta = mu - y.

    The negative log likelihood of Poisson counts of mean mu, without log y!, which no score changes. z is bounded
    above (by 40 in float32, 350 in float64): beyond, value and delta are those of the bound.
    Source: McCullagh and Nelder (1989), Generalized Linear Models, chapter 6.
    """

    link: ClassVar[str] = "exponential"

    def value_and_delta(self, scores: Array, target: Array) -> tuple[Array, Array]:
        """(loss (B,), delta (B, C))."""
        xp = ops.namespace(scores)
        z = xp.minimum(scores, exponent(scores))
        mean = xp.exp(z)
        return xp.sum(mean - target * z, axis=-1), mean - target

    def encode_target(self, y: HostArray, learned: dict[str, Any]) -> HostArray:
        """(N, C) numbers; DataError for a negative one."""
        target = continuous(y, learned)
        return admit("poisson", target, target >= 0, "numbers of at least 0", "For quantities of any sign use mse.")
