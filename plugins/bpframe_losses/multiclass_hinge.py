"""Hinge loss over all other classes.  Shapes: z (B, C) scores, target (B, C) one-hot; c the row's class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np

from bpframe.plugin import Array, HostArray, ops
from bpframe_losses import one_class


@final
@dataclass(frozen=True)
class MulticlassHinge:
    """loss = sum over j != c of v_j, v_j = max(0, z_j - z_c + 1); delta_j = [v_j > 0], delta_c = -sum_j [v_j > 0].

    Every class that comes within 1 of the right one counts. Predictions are the scores themselves.
    Source: Weston and Watkins (1999), Support vector machines for multi-class pattern recognition.
    """

    link: ClassVar[str] = "identity"

    def value_and_delta(self, scores: Array, target: Array) -> tuple[Array, Array]:
        """(loss (B,), delta (B, C))."""
        xp = ops.namespace(scores)
        right = xp.sum(target * scores, axis=-1, keepdims=True)
        excess = xp.maximum(scores - right + (1 - target), 0.0)  # 0 in the class itself
        counts = xp.astype(excess > 0, excess.dtype)
        return xp.sum(excess, axis=-1), counts - target * xp.sum(counts, axis=-1, keepdims=True)

    def encode_target(self, y: HostArray, learned: dict[str, Any]) -> HostArray:
        """One-hot rows over the sorted classes."""
        return one_class.encode("multiclass_hinge", y, learned)

    def predict(self, scores: HostArray) -> HostArray:
        """(N,) the class of the largest score."""
        return one_class.predict(scores)

    def example(self, rng: np.random.Generator) -> tuple[HostArray, HostArray]:
        """Scores on either side of the margins of their classes."""
        return one_class.example(rng)

    def example_at_kink(self, rng: np.random.Generator) -> tuple[HostArray, HostArray]:
        """Rows whose margins are met exactly, and others."""
        return one_class.example_at_kink(rng)
