"""Quantile loss.  Shapes: z (B, C) scores, target (B, C)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from bpframe.plugin import Array, HostArray, checks, ops


@final
@dataclass(frozen=True)
class Quantile:
    """loss = sum_c max(q (y_c - z_c), (q - 1)(y_c - z_c)), in units of y; delta = [z > y] - q.

    Fits the quantile q in (0, 1) of y: a share q of targets lies below. At z = y delta is 1/2 - q, the middle of the
    slopes on either side, so q = 1/2 is half of mae everywhere. Also called the pinball loss.
    Source: Koenker and Bassett (1978), Regression quantiles.
    """

    q: float = 0.5
    link: ClassVar[str] = "identity"

    def __post_init__(self) -> None:
        checks.positive("quantile", q=self.q)
        checks.fraction("quantile", q=self.q)

    def value_and_delta(self, scores: Array, target: Array) -> tuple[Array, Array]:
        """(loss (B,), delta (B, C))."""
        r = scores - target
        xp = ops.namespace(r)
        slope = 0.5 * xp.sign(r) + (0.5 - self.q)
        return xp.sum(slope * r, axis=-1), slope

    def example_at_kink(self, rng: np.random.Generator) -> tuple[HostArray, HostArray]:
        """A batch of which some scores meet their targets."""
        y = rng.normal(size=(5, 3))
        return y + rng.integers(-1, 2, size=y.shape), y
