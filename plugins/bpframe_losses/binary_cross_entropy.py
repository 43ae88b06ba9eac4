"""Cross-entropy of yes/no probabilities.  Shapes: p (B, C) in [0, 1], target (B, C) in [0, 1], each on its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np

from bpframe.plugin import Array, HostArray, binary, ops
from bpframe_losses import margins
from bpframe_losses.bounds import smallest


@final
@dataclass(frozen=True)
class BinaryCrossEntropy:
    """loss = -sum_c y log p + (1 - y) log(1 - p), in nats; delta = (1 - y) / (1 - p) - y / p.

    For a network that ends in probabilities (a sigmoid layer): the long way to sigmoid_cross_entropy, which gives the
    same gradient from scores, faster, and at any distance from the answer. Here p and 1 - p are kept from the smallest
    normal number of their dtype to 1: beyond, value and delta are those of the bound.
    Source: Bishop (2006), Pattern Recognition and Machine Learning, equation 5.21.
    """

    link: ClassVar[str] = "identity"
    domain: ClassVar[str] = "[0, 1]"

    def value_and_delta(self, scores: Array, target: Array) -> tuple[Array, Array]:
        """(loss (B,), delta (B, C)) of probabilities."""
        xp = ops.namespace(scores)
        least = smallest(scores)
        p, q = xp.clip(scores, least, 1.0), xp.clip(1 - scores, least, 1.0)
        value = -xp.sum(target * xp.log(p) + (1 - target) * xp.log(q), axis=-1)
        return value, (1 - target) / q - target / p

    def encode_target(self, y: HostArray, learned: dict[str, Any]) -> HostArray:
        """Zeros and ones for labels of two classes, or (N, C) columns of numbers in [0, 1]."""
        return binary(y, learned)

    def predict(self, scores: HostArray) -> HostArray:
        """(N,) zeros and ones of one output, (N, C) of several: 1 where the probability is at least 1/2."""
        return margins.predict(scores - 0.5)

    def example(self, rng: np.random.Generator) -> tuple[HostArray, HostArray]:
        """Probabilities away from the ends, hard and soft labels."""
        y = rng.uniform(size=(5, 1))
        return rng.uniform(0.05, 0.95, size=(5, 1)), np.where(y < 0.5, np.round(2 * y), y)
