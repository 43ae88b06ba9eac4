"""Hinge loss over the strongest other class.  Shapes: z (B, C) scores, target (B, C) one-hot; c the row's class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np

from bpframe.plugin import Array, HostArray, ops
from bpframe_losses import one_class


@final
@dataclass(frozen=True)
class CrammerSinger:
    """loss = max_j (z_j + 1 - y_j) - z_c; delta = e_j - e_c for the first j that attains it, 0 where that is c.

    Only the strongest class that comes within 1 of the right one counts. Predictions are the scores themselves.
    Source: Crammer and Singer (2001), On the algorithmic implementation of multiclass kernel-based vector machines.
    """

    link: ClassVar[str] = "identity"

    def value_and_delta(self, scores: Array, target: Array) -> tuple[Array, Array]:
        """(loss (B,), delta (B, C))."""
        xp = ops.namespace(scores)
        right = xp.sum(target * scores, axis=-1, keepdims=True)
        excess = scores - right + (1 - target)  # 0 in the class itself
        strongest = xp.argmax(excess, axis=-1, keepdims=True)
        chosen = xp.arange(scores.shape[-1], dtype=strongest.dtype, **ops.placement(scores)) == strongest
        return xp.max(excess, axis=-1), xp.astype(chosen, scores.dtype) - target

    def encode_target(self, y: HostArray, learned: dict[str, Any]) -> HostArray:
        """One-hot rows over the sorted classes."""
        return one_class.encode("crammer_singer", y, learned)

    def predict(self, scores: HostArray) -> HostArray:
        """(N,) the class of the largest score."""
        return one_class.predict(scores)

    def example(self, rng: np.random.Generator) -> tuple[HostArray, HostArray]:
        """Scores on either side of the margins of their classes."""
        return one_class.example(rng)

    def example_at_kink(self, rng: np.random.Generator) -> tuple[HostArray, HostArray]:
        """Rows whose margins are met exactly, and rows with several strongest classes."""
        return one_class.example_at_kink(rng)
