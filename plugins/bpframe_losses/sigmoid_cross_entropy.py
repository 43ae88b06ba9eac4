"""Cross-entropy of yes/no scores.  Shapes: z (B, C) scores, target (B, C) in [0, 1], each output on its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from bpframe.plugin import Array, Key, checks, ops


@final
@dataclass(frozen=True)
class SigmoidCrossEntropy:
    """loss = -sum_c w y log p + (1 - y) log(1 - p), in nats; with the sigmoid link, delta = p - y where w = 1.

    From the scores: sum_c max(z, 0) - z y + log(1 + exp(-|z|)). `pos_weight` w makes a yes count w times; in general
    delta = (w y + 1 - y) p - w y.
    Source: Bishop (2006), Pattern Recognition and Machine Learning, equation 5.21, rewritten in the scores.
    """

    pos_weight: float = 1.0
    link: ClassVar[str] = "sigmoid"

    def __post_init__(self) -> None:
        checks.positive("sigmoid_cross_entropy", pos_weight=self.pos_weight)

    def value_and_delta(self, scores: Array, target: Array) -> tuple[Array, Array]:
        """(loss (B,), delta (B, C)); exp(-|z|) alone, so nothing overflows."""
        xp = ops.namespace(scores)
        e = xp.exp(-abs(scores))
        p = xp.where(scores >= 0, 1.0, e) / (1 + e)
        if ops.is_constant(self.pos_weight, 1):
            return xp.sum(xp.maximum(scores, 0) - scores * target + xp.log1p(e), axis=-1), p - target
        yes = self.pos_weight * target
        both = yes + (1 - target)
        return xp.sum(both * xp.maximum(scores, 0) - scores * yes + both * xp.log1p(e), axis=-1), both * p - yes

    def sample_target(self, scores: Array, key: Key) -> Array:
        """(B, C) zeros and ones: 1 with probability sigmoid(z), whatever the weight."""
        xp = ops.namespace(scores)
        e = xp.exp(-abs(scores))
        return xp.astype(key.uniform(scores) < xp.where(scores >= 0, 1.0, e) / (1 + e), scores.dtype)
