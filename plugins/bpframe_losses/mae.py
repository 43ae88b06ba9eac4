"""Mean absolute error.  Shapes: z (B, C) scores, target (B, C)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from bpframe.plugin import Array, HostArray, ops


@final
@dataclass(frozen=True)
class Mae:
    """loss = sum_c |z_c - y_c|, in units of y; delta = sign(z - y), 0 where they are equal.

    Fits the median. Summed over the outputs of a row, as mse is; the metric mae is their mean.
    Source: Bloomfield and Steiger (1983), Least Absolute Deviations.
    """

    link: ClassVar[str] = "identity"

    def value_and_delta(self, scores: Array, target: Array) -> tuple[Array, Array]:
        """(loss (B,), delta (B, C))."""
        r = scores - target
        xp = ops.namespace(r)
        return xp.sum(abs(r), axis=-1), xp.sign(r)

    def example_at_kink(self, rng: np.random.Generator) -> tuple[HostArray, HostArray]:
        """A batch of which some scores meet their targets."""
        y = rng.normal(size=(5, 3))
        return y + rng.integers(-1, 2, size=y.shape), y
