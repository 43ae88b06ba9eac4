"""Tukey's biweight.  Shapes: z (B, C) scores, target (B, C)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from bpframe.plugin import Array, checks, ops


@final
@dataclass(frozen=True)
class Tukey:
    """With r = z - y, t = min(r^2 / c^2, 1): loss = sum_c c^2 / 6 (1 - (1 - t_c)^3); delta = r (1 - t)^2.

    `c` is in units of y; residuals are not rescaled here, so 4.685 has its 95% efficiency where the noise of y has
    standard deviation 1. Beyond c an outlier pulls no more at all: begin with targets of about that scale.
    Source: Beaton and Tukey (1974), The fitting of power series, meaning polynomials, illustrated on
    band-spectroscopic data.
    """

    c: float = 4.685
    link: ClassVar[str] = "identity"

    def __post_init__(self) -> None:
        checks.positive("tukey", c=self.c)

    def value_and_delta(self, scores: Array, target: Array) -> tuple[Array, Array]:
        """(loss (B,), delta (B, C))."""
        r = scores - target
        xp = ops.namespace(r)
        t = xp.minimum((r / self.c) ** 2, 1.0)
        value = self.c**2 / 6 * xp.sum(t * (3 - t * (3 - t)), axis=-1)  # the cube multiplied out: no cancellation
        return value, r * (1 - t) ** 2
