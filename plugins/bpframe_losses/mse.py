"""Mean squared error.  Shapes: z (B, C) scores, target (B, C)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from bpframe.plugin import Array, Key, ops


@final
@dataclass(frozen=True)
class Mse:
    """loss = 1/2 sum_c (z_c - y_c)^2, in squared units of y; delta = z - y.

    With the half, and summed over the outputs of a row, so that delta is the plain residual; the mean is over rows.
    Source: Bishop (2006), Pattern Recognition and Machine Learning, equation 5.11.
    """

    link: ClassVar[str] = "identity"

    def value_and_delta(self, scores: Array, target: Array) -> tuple[Array, Array]:
        """(loss (B,), delta (B, C))."""
        r = scores - target
        return 0.5 * ops.namespace(r).sum(r * r, axis=-1), r

    def sample_target(self, scores: Array, key: Key) -> Array:
        """(B, C) draws from normal distributions around the scores, of standard deviation 1."""
        return scores + key.normal(scores)
