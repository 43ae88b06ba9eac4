"""Polynomial decay: a power of the time left."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import final

from bpframe.plugin import checks
from bpframe_schedules import length


@final
@dataclass(frozen=True)
class Polynomial:
    """value(t) = final + (initial - final) (1 - t / steps)^power for t <= steps updates, then final.

    power 1 is a straight line, above 1 it falls fast first, below 1 late. `steps` left out: the whole run.
    Source: Caffe's learning rate policy `poly`; Chen et al. (2018), arXiv:1606.00915, section 4.1, with power 0.9.
    """

    initial: float
    steps: int | None = None
    final: float = 0.0
    power: float = 1.0

    def __post_init__(self) -> None:
        checks.positive("polynomial", steps=self.steps, power=self.power)

    def over(self, steps: int) -> Polynomial:
        """The same curve, `steps` long where its length was left out."""
        return self if self.steps is not None else replace(self, steps=steps)

    def value(self, step: int) -> float:
        """The value after `step` updates."""
        left = 1 - length.part("polynomial", step, self.steps)
        return self.final + (self.initial - self.final) * math.pow(left, self.power)
