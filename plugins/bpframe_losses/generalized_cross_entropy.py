"""Generalized cross-entropy.  Shapes: z (B, C) scores, target (B, C) one-hot or soft labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from bpframe.plugin import Array, ConfigError, checks, ops
from bpframe_losses.log_softmax import log_softmax, slope_in_scores


@final
@dataclass(frozen=True)
class GeneralizedCrossEntropy:
    """loss = sum_c y_c (1 - p_c^q) / q, with p = softmax(z), 0 < q <= 1; for a one-hot row delta = p_t^q (p - y).

    For labels of which some are wrong: a row far from its label pulls no harder than p_t^q. q -> 0 gives
    softmax_cross_entropy, q = 1 the loss 1 - p_t, half the absolute error of p.
    Source: Zhang and Sabuncu (2018), Generalized cross entropy loss for training deep neural networks with noisy
    labels, section 3.2.
    """

    q: float = 0.7
    link: ClassVar[str] = "softmax"

    def __post_init__(self) -> None:
        checks.positive("generalized_cross_entropy", q=self.q)
        if self.q > 1:
            raise ConfigError(f"generalized_cross_entropy needs a number in (0, 1] as q, got {self.q!r}.")

    def value_and_delta(self, scores: Array, target: Array) -> tuple[Array, Array]:
        """(loss (B,), delta (B, C))."""
        log_p, p = log_softmax(scores)
        xp = ops.namespace(log_p)
        less = xp.expm1(self.q * log_p)  # p^q - 1, with all its digits where p is near 1 or q near 0
        return -xp.sum(target * less, axis=-1) / self.q, slope_in_scores(-target * (1 + less), p)
