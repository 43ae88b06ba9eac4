"""Cosine decay."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import final

from bpframe.plugin import checks
from bpframe_schedules import length
from bpframe_schedules.half_cosine import between


@final
@dataclass(frozen=True)
class Cosine:
    """value(t) = final + (initial - final) (1 + cos(pi t / steps)) / 2 for t <= steps updates, then final.

    `steps` left out: the whole run, to the end of the current fit.
    Source: Loshchilov and Hutter (2017), arXiv:1608.03983, equation 5, without restarts.
    """

    initial: float
    steps: int | None = None
    final: float = 0.0

    def __post_init__(self) -> None:
        checks.positive("cosine", steps=self.steps)

    def over(self, steps: int) -> Cosine:
        """The same curve, `steps` long where its length was left out."""
        return self if self.steps is not None else replace(self, steps=steps)

    def value(self, step: int) -> float:
        """The value after `step` updates."""
        return between(self.initial, self.final, length.part("cosine", step, self.steps))
