"""Huber loss.  Shapes: z (B, C) scores, target (B, C)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from bpframe.plugin import Array, checks, ops


@final
@dataclass(frozen=True)
class Huber:
    """With r = z - y: loss = sum_c r_c^2 / 2 where |r_c| <= delta, else delta (|r_c| - delta / 2); slope clip(r).

    `delta` is in units of y: beyond it an outlier pulls no harder. delta -> infinity gives mse.
    Source: Huber (1964), Robust estimation of a location parameter.
    """

    delta: float = 1.0
    link: ClassVar[str] = "identity"

    def __post_init__(self) -> None:
        checks.positive("huber", delta=self.delta)

    def value_and_delta(self, scores: Array, target: Array) -> tuple[Array, Array]:
        """(loss (B,), slope (B, C) = r clipped to [-delta, delta])."""
        r = scores - target
        xp = ops.namespace(r)
        slope = xp.clip(r, -self.delta, self.delta)
        return xp.sum(slope * (r - 0.5 * slope), axis=-1), slope  # slope (r - slope/2) is either branch
