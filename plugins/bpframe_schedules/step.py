"""Step decay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from bpframe.plugin import checks


@final
@dataclass(frozen=True)
class Step:
    """value(t) = initial factor^floor(t / every), t updates made; `every` counts updates, not epochs."""

    initial: float
    every: int
    factor: float = 0.1

    def __post_init__(self) -> None:
        checks.positive("step", every=self.every, factor=self.factor)

    def value(self, step: int) -> float:
        """The value after `step` updates."""
        return self.initial * self.factor ** (step // self.every)
