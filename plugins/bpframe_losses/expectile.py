"""Expectile loss.  Shapes: z (B, C) scores, target (B, C)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from bpframe.plugin import Array, checks, ops


@final
@dataclass(frozen=True)
class Expectile:
    """With r = z - y: loss = sum_c |q - [r_c > 0]| r_c^2, in squared units of y; delta = 2 |q - [r > 0]| r.

    Fits the expectile q in (0, 1) of y; q = 1/2 is mse.
    Source: Newey and Powell (1987), Asymmetric least squares estimation and testing.
    """

    q: float = 0.5
    link: ClassVar[str] = "identity"

    def __post_init__(self) -> None:
        checks.positive("expectile", q=self.q)
        checks.fraction("expectile", q=self.q)

    def value_and_delta(self, scores: Array, target: Array) -> tuple[Array, Array]:
        """(loss (B,), delta (B, C))."""
        r = scores - target
        xp = ops.namespace(r)
        w = self.q + (1 - 2 * self.q) * xp.astype(r > 0, r.dtype)
        return xp.sum(w * r * r, axis=-1), 2 * w * r
