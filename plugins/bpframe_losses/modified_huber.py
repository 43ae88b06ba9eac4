"""Modified Huber loss.  Shapes: z (B, C) scores, target (B, C) zeros and ones, each output on its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np

from bpframe.plugin import Array, HostArray, ops
from bpframe_losses import margins


@final
@dataclass(frozen=True)
class ModifiedHuber:
    """With m = s z, s = 2 y - 1: loss = sum_c max(0, 1 - m_c)^2 where m_c >= -1, else -4 m_c.

    delta = -2 s max(0, 1 - m) where m >= -1, else -4 s: the squared hinge with straight tails, so that an outlier pulls
    no harder than 4. Labels of two classes in one output, or several yes/no columns. Predictions are the scores
    themselves, a yes from 0 up; (z + 1) / 2, clipped to [0, 1], estimates the probability of a yes.
    Source: Zhang (2004), Statistical behavior and consistency of classification methods based on convex risk
    minimization.
    """

    link: ClassVar[str] = "identity"

    def value_and_delta(self, scores: Array, target: Array) -> tuple[Array, Array]:
        """(loss (B,), delta (B, C))."""
        xp = ops.namespace(scores)
        s = 2 * target - 1
        short = xp.maximum(1 - s * scores, 0.0)
        slope = xp.minimum(short, 2.0)
        return xp.sum(slope * (2 * short - slope), axis=-1), -2 * s * slope  # slope (2 short - slope) is either branch

    def encode_target(self, y: HostArray, learned: dict[str, Any]) -> HostArray:
        """Zeros and ones."""
        return margins.encode("modified_huber", y, learned)

    def predict(self, scores: HostArray) -> HostArray:
        """(N,) zeros and ones of one output, (N, C) of several."""
        return margins.predict(scores)

    def example(self, rng: np.random.Generator) -> tuple[HostArray, HostArray]:
        """Scores in all three regions."""
        return 2 * rng.normal(size=(5, 1)), rng.integers(0, 2, size=(5, 1)).astype(np.float64)
