"""Mean squared logarithmic error.  Shapes: z (B, C) scores, target (B, C) above -1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np

from bpframe.plugin import Array, HostArray, checks, continuous, ops
from bpframe_losses.domain import admit


@final
@dataclass(frozen=True)
class Msle:
    """With r = log(1 + z) - log(1 + y): loss = 1/2 sum_c r_c^2; delta = r / (1 + z).

    mse of log(1 + y), so with its half, which the metric of that name elsewhere lacks. 1 + z is bounded below by
    `eps`: under it, value and delta are those of the bound. Targets must lie within it: y >= eps - 1.
    Source: as scikit-learn's mean_squared_log_error.
    """

    eps: float = 0.1
    link: ClassVar[str] = "identity"

    def __post_init__(self) -> None:
        checks.positive("msle", eps=self.eps)
        checks.fraction("msle", eps=self.eps)

    def value_and_delta(self, scores: Array, target: Array) -> tuple[Array, Array]:
        """(loss (B,), delta (B, C))."""
        xp = ops.namespace(scores)
        z = xp.maximum(scores, self.eps - 1)
        r = xp.log1p(z) - xp.log1p(target)
        return 0.5 * xp.sum(r * r, axis=-1), r / (1 + z)

    def encode_target(self, y: HostArray, learned: dict[str, Any]) -> HostArray:
        """(N, C) numbers; DataError for one below eps - 1."""
        target, least = continuous(y, learned), self.eps - 1
        remedy = "Lower eps if y lies above -1; otherwise use mse."
        return admit("msle", target, target >= least, f"numbers of at least eps - 1 = {least:g}", remedy)

    def example(self, rng: np.random.Generator) -> tuple[HostArray, HostArray]:
        """Scores above the bound, targets of at least 0."""
        return rng.uniform(-0.8, 3.0, size=(5, 1)), rng.exponential(size=(5, 1))
