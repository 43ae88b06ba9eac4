"""Hinge loss.  Shapes: z (B, C) scores, target (B, C) zeros and ones, each output on its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np

from bpframe.plugin import Array, HostArray, ops
from bpframe_losses import margins


@final
@dataclass(frozen=True)
class Hinge:
    """loss = sum_c max(0, 1 - s_c z_c), with s = 2 y - 1; delta = -s [s z < 1].

    Labels of two classes in one output, or several yes/no columns. Predictions are the scores themselves, a yes from 0
    up; they are no probabilities.
    Source: Cortes and Vapnik (1995), Support-vector networks.
    """

    link: ClassVar[str] = "identity"

    def value_and_delta(self, scores: Array, target: Array) -> tuple[Array, Array]:
        """(loss (B,), delta (B, C))."""
        xp = ops.namespace(scores)
        s = 2 * target - 1
        short = xp.maximum(1 - s * scores, 0.0)
        return xp.sum(short, axis=-1), -s * xp.astype(short > 0, s.dtype)

    def encode_target(self, y: HostArray, learned: dict[str, Any]) -> HostArray:
        """Zeros and ones."""
        return margins.encode("hinge", y, learned)

    def predict(self, scores: HostArray) -> HostArray:
        """(N,) zeros and ones of one output, (N, C) of several."""
        return margins.predict(scores)

    def example(self, rng: np.random.Generator) -> tuple[HostArray, HostArray]:
        """Scores on either side of the margin."""
        return 2 * rng.normal(size=(5, 1)), rng.integers(0, 2, size=(5, 1)).astype(np.float64)

    def example_at_kink(self, rng: np.random.Generator) -> tuple[HostArray, HostArray]:
        """A batch whose margins are 1."""
        y = rng.integers(0, 2, size=(5, 2)).astype(np.float64)
        return 2 * y - 1, y
