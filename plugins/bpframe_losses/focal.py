"""Focal loss of class scores.  Shapes: z (B, C) scores, target (B, C) one-hot or soft labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, final

from bpframe.plugin import Array, checks, ops
from bpframe_losses.focusing import focal_term
from bpframe_losses.log_softmax import log_softmax, slope_in_scores


@final
@dataclass(frozen=True)
class Focal:
    """loss = -alpha sum_c y_c (1 - p_c)^gamma log p_c, in nats, with p = softmax(z).

    For a one-hot row, delta = alpha ((1 - p_t)^gamma - gamma p_t (1 - p_t)^(gamma - 1) log p_t) (p - y). gamma = 0 is
    softmax_cross_entropy; the larger, the less rows count that are right already. `alpha` is one factor for all rows,
    0.25 in Keras; for weights of classes take class_weight in fit.
    Source: Lin et al. (2017), Focal loss for dense object detection, equation 4.
    """

    gamma: float = 2.0
    alpha: float = 1.0
    link: ClassVar[str] = "softmax"

    def __post_init__(self) -> None:
        checks.not_negative("focal", gamma=self.gamma)
        checks.positive("focal", alpha=self.alpha)

    @classmethod
    def example_configs(cls) -> list[dict[str, Any]]:
        """Without a factor, and with one."""
        return [{}, {"gamma": 1.0, "alpha": 0.25}]

    def value_and_delta(self, scores: Array, target: Array) -> tuple[Array, Array]:
        """(loss (B,), delta (B, C))."""
        log_p, p = log_softmax(scores)
        f, slope = focal_term(log_p, self.gamma)
        weighted = target if ops.is_constant(self.alpha, 1) else self.alpha * target
        return ops.namespace(f).sum(weighted * f, axis=-1), slope_in_scores(weighted * slope, p)
