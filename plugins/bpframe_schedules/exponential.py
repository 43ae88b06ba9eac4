"""Exponential decay."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import final

from bpframe.plugin import checks
from bpframe_schedules import length


@final
@dataclass(frozen=True)
class Exponential:
    """value(t) = initial factor^(t / every), t updates made: `step` without its steps.

    `every` left out: the whole run, which then ends at initial * factor. A factor a single update: every=1.
    """

    initial: float
    every: int | None = None
    factor: float = 0.1

    def __post_init__(self) -> None:
        checks.positive("exponential", every=self.every, factor=self.factor)

    def over(self, steps: int) -> Exponential:
        """The same curve, which falls by its factor in `steps` updates where `every` was left out."""
        return self if self.every is not None else replace(self, every=steps)

    def value(self, step: int) -> float:
        """The value after `step` updates."""
        return self.initial * math.pow(self.factor, step / length.known("exponential", every=self.every))
