"""Cross-entropy of class scores.  Shapes: z (B, C) scores, target (B, C) one-hot or soft labels, rows sum to 1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from bpframe.types import Array


@final
@dataclass(frozen=True)
class SoftmaxCrossEntropy:
    """loss = logsumexp(z) - sum_c y_c z_c, in nats; with the softmax link, delta = p - y.

    Source: Bishop (2006), Pattern Recognition and Machine Learning, section 5.3.1.
    """

    link: ClassVar[str] = "softmax"

    def value_and_delta(self, scores: Array, target: Array) -> tuple[Array, Array]:
        """(loss (B,), delta (B, C)); shifted by the row's maximum, so nothing overflows."""
        xp = scores.__array_namespace__()
        z = scores - xp.max(scores, axis=-1, keepdims=True)
        e = xp.exp(z)
        total = xp.sum(e, axis=-1, keepdims=True)
        return xp.log(total[..., 0]) - xp.sum(target * z, axis=-1), e / total - target
