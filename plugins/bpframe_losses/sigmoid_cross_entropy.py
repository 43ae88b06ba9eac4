"""Cross-entropy of yes/no scores.  Shapes: z (B, C) scores, target (B, C) in [0, 1], each output on its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from bpframe.types import Array


@final
@dataclass(frozen=True)
class SigmoidCrossEntropy:
    """loss = sum_c max(z, 0) - z y + log(1 + exp(-|z|)), in nats; with the sigmoid link, delta = p - y.

    Source: Bishop (2006), Pattern Recognition and Machine Learning, equation 5.21, rewritten in the scores.
    """

    link: ClassVar[str] = "sigmoid"

    def value_and_delta(self, scores: Array, target: Array) -> tuple[Array, Array]:
        """(loss (B,), delta (B, C)); exp(-|z|) alone, so nothing overflows."""
        xp = scores.__array_namespace__()
        e = xp.exp(-abs(scores))
        p = xp.where(scores >= 0, 1.0, e) / (1 + e)
        return xp.sum(xp.maximum(scores, 0) - scores * target + xp.log1p(e), axis=-1), p - target
