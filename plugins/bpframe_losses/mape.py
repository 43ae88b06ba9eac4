"""Mean absolute percentage error.  Shapes: z (B, C) scores, target (B, C)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from bpframe.plugin import Array, HostArray, checks, ops


@final
@dataclass(frozen=True)
class Mape:
    """loss = sum_c |z_c - y_c| / max(|y_c|, eps), a fraction, not in percent; delta = sign(z - y) / max(|y|, eps).

    `eps`, in units of y, bounds the weight of targets near 0: choose it as large as differences that do not matter.
    Source: de Myttenaere et al. (2016), Mean absolute percentage error for regression models.
    """

    eps: float = 1e-7
    link: ClassVar[str] = "identity"

    def __post_init__(self) -> None:
        checks.positive("mape", eps=self.eps)

    def value_and_delta(self, scores: Array, target: Array) -> tuple[Array, Array]:
        """(loss (B,), delta (B, C))."""
        r = scores - target
        xp = ops.namespace(r)
        unit = xp.maximum(abs(target), self.eps)
        return xp.sum(abs(r) / unit, axis=-1), xp.sign(r) / unit

    def example_at_kink(self, rng: np.random.Generator) -> tuple[HostArray, HostArray]:
        """A batch of which some scores meet their targets."""
        y = rng.normal(size=(5, 3))
        return y + rng.integers(-1, 2, size=y.shape), y
