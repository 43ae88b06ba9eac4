"""Kullback-Leibler divergence from soft labels.  Shapes: z (B, C) scores, target (B, C), whose rows sum to 1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from bpframe.plugin import Array, ops
from bpframe_losses.log_softmax import log_softmax, slope_in_scores


@final
@dataclass(frozen=True)
class KlDivergence:
    """loss = sum_c y_c log(y_c / p_c), in nats, with p = softmax(z) and 0 log 0 = 0; delta = p - y.

    softmax_cross_entropy less the entropy of the labels: the same gradient, but 0 for a perfect fit. Differs from
    losses of that name elsewhere that take log probabilities, not scores, or average over classes.
    Source: Kullback and Leibler (1951), On information and sufficiency.
    """

    link: ClassVar[str] = "softmax"

    def value_and_delta(self, scores: Array, target: Array) -> tuple[Array, Array]:
        """(loss (B,), delta (B, C))."""
        log_p, p = log_softmax(scores)
        xp = ops.namespace(log_p)
        log_y = xp.log(xp.where(target > 0, target, 1.0))
        return xp.sum(target * (log_y - log_p), axis=-1), slope_in_scores(-target, p)
