"""Cross-entropy with a first-order term.  Shapes: z (B, C) scores, target (B, C) one-hot or soft labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from bpframe.plugin import Array, ops
from bpframe_losses.log_softmax import log_softmax, slope_in_scores


@final
@dataclass(frozen=True)
class Poly1CrossEntropy:
    """loss = sum_c y_c (eps (1 - p_c) - log p_c), with p = softmax(z); for a one-hot row delta = (1 + eps p_t)(p - y).

    Cross-entropy is the series sum_j (1 - p_t)^j / j; `eps`, of either sign, changes the weight of its first term.
    eps = 0 is softmax_cross_entropy; optax has eps 2 unless told otherwise.
    Source: Leng et al. (2022), PolyLoss: a polynomial expansion perspective of classification loss functions.
    """

    eps: float = 1.0
    link: ClassVar[str] = "softmax"

    def value_and_delta(self, scores: Array, target: Array) -> tuple[Array, Array]:
        """(loss (B,), delta (B, C))."""
        log_p, p = log_softmax(scores)
        xp = ops.namespace(log_p)
        value = -xp.sum(target * (log_p + self.eps * xp.expm1(log_p)), axis=-1)
        return value, slope_in_scores(-target * (1 + self.eps * p), p)
