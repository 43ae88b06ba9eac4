"""Focal loss of yes/no scores.  Shapes: z (B, C) scores, target (B, C) in [0, 1], each output on its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, final

from bpframe.plugin import Array, checks, ops
from bpframe_losses.focusing import focal_term


@final
@dataclass(frozen=True)
class BinaryFocal:
    """loss = -sum_c a_t (1 - p_t)^gamma log p_t, in nats, with p_t = sigmoid(z) for a yes, sigmoid(-z) for a no.

    delta = s a_t (1 - p_t)^gamma (gamma p_t log p_t - (1 - p_t)), s = 2 y - 1. A soft label y takes y of the one and
    1 - y of the other. gamma = 0 is sigmoid_cross_entropy; the larger, the less rows count that are right already.
    a_t is `alpha` for a yes and 1 - alpha for a no, as in optax, and Keras with apply_class_balancing; left out: 1.
    Source: Lin et al. (2017), Focal loss for dense object detection, equation 4.
    """

    gamma: float = 2.0
    alpha: float | None = None
    link: ClassVar[str] = "sigmoid"

    def __post_init__(self) -> None:
        checks.not_negative("binary_focal", gamma=self.gamma)
        if self.alpha is not None:
            checks.fraction("binary_focal", alpha=self.alpha)

    @classmethod
    def example_configs(cls) -> list[dict[str, Any]]:
        """Without weights of yes and no, and with them."""
        return [{}, {"gamma": 1.0, "alpha": 0.25}]

    def value_and_delta(self, scores: Array, target: Array) -> tuple[Array, Array]:
        """(loss (B,), delta (B, C)); exp(-|z|) alone, so nothing overflows."""
        xp = ops.namespace(scores)
        tail = xp.log1p(xp.exp(-abs(scores)))
        log_p, log_q = xp.minimum(scores, 0.0) - tail, -xp.maximum(scores, 0.0) - tail
        yes, slope_yes = focal_term(log_p, self.gamma)
        no, slope_no = focal_term(log_q, self.gamma)
        of_yes, of_no = target, 1 - target
        if self.alpha is not None:
            of_yes, of_no = self.alpha * of_yes, (1 - self.alpha) * of_no
        value = xp.sum(of_yes * yes + of_no * no, axis=-1)
        return value, of_yes * slope_yes * xp.exp(log_q) - of_no * slope_no * xp.exp(log_p)
