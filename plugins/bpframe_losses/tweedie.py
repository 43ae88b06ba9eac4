"""Tweedie loss, of amounts that may be zero.  Shapes: z (B, C) scores, target (B, C) of at least 0; mu = exp(z)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, final

from bpframe.plugin import Array, ConfigError, HostArray, continuous, ops
from bpframe_losses.bounds import exponent
from bpframe_losses.domain import admit


@final
@dataclass(frozen=True)
class Tweedie:
    """loss = sum_c (mu_c^(2-p) - 1) / (2 - p) - y_c (mu_c^(1-p) - 1) / (1 - p); delta = mu^(2-p) - y mu^(1-p).

    Half the deviance of a compound Poisson-gamma distribution of variance power 1 < p < 2 and mean mu = exp(z), counted
    from its value at mu = 1, so that its limits are finite: delta is that of poisson as p -> 1, of gamma as p -> 2. z
    is bounded (by 40 in float32, 350 in float64, on either side): beyond, value and delta are those of the bound.
    Source: Jorgensen (1997), The Theory of Dispersion Models, chapter 4.
    """

    power: float = 1.5
    link: ClassVar[str] = "exponential"

    def __post_init__(self) -> None:
        if not 1 < self.power < 2:
            remedy = "The ends are the losses poisson (1) and gamma (2)."
            raise ConfigError(f"tweedie needs a number in (1, 2) as power, got {self.power!r}. {remedy}")

    def value_and_delta(self, scores: Array, target: Array) -> tuple[Array, Array]:
        """(loss (B,), delta (B, C))."""
        xp = ops.namespace(scores)
        bound, up, down = exponent(scores), 2 - self.power, 1 - self.power
        z = xp.clip(scores, -bound, bound)
        value = xp.expm1(up * z) / up - target * xp.expm1(down * z) / down
        return xp.sum(value, axis=-1), xp.exp(up * z) - target * xp.exp(down * z)

    def encode_target(self, y: HostArray, learned: dict[str, Any]) -> HostArray:
        """(N, C) numbers; DataError for a negative one."""
        target = continuous(y, learned)
        return admit("tweedie", target, target >= 0, "numbers of at least 0", "For quantities of any sign use mse.")
