"""Cross-entropy of probabilities.  Shapes: p (B, C) in (0, 1], target (B, C) one-hot or soft labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, final

from bpframe.plugin import Array, HostArray, one_hot, ops
from bpframe_losses import one_class
from bpframe_losses.bounds import smallest


@final
@dataclass(frozen=True)
class CrossEntropy:
    """loss = -sum_c y_c log p_c, in nats; delta = -y / p: for a network that ends in probabilities (a softmax layer).

    The long way: softmax_cross_entropy gives the same gradient from scores, faster, and at any distance from the
    answer. Here p is bounded below by the smallest normal number of its dtype: under it, value and delta are those
    of the bound. Source: Bishop (2006), Pattern Recognition and Machine Learning, equation 5.24.
    """

    link: ClassVar[str] = "identity"
    domain: ClassVar[str] = "simplex"

    def value_and_delta(self, scores: Array, target: Array) -> tuple[Array, Array]:
        """(loss (B,), delta (B, C)) of probabilities."""
        xp = ops.namespace(scores)
        p = xp.maximum(scores, smallest(scores))
        return -xp.sum(target * xp.log(p), axis=-1), -target / p

    def encode_target(self, y: HostArray, learned: dict[str, Any]) -> HostArray:
        """One-hot rows over the sorted classes."""
        return one_hot(y, learned)

    def predict(self, scores: HostArray) -> HostArray:
        """(N,) the most probable class."""
        return one_class.predict(scores)
