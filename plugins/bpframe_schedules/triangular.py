"""Triangular cycles: linear rises and falls, again and again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from bpframe.plugin import checks


@final
@dataclass(frozen=True)
class Triangular:
    """value(t) = initial + (peak - initial) factor^c (1 - |2 s - 1|), after c whole cycles and a part s of the next.

    A cycle lasts `every` updates, half up and half down (Smith's stepsize is every / 2). factor 1/2 is his
    "triangular2": each peak is half as high above `initial` as the one before.
    Source: Smith (2017), Cyclical learning rates for training neural networks, arXiv:1506.01186, section 3.
    """

    initial: float
    peak: float
    every: int
    factor: float = 1.0

    def __post_init__(self) -> None:
        checks.positive("triangular", every=self.every, factor=self.factor)

    def value(self, step: int) -> float:
        """The value after `step` updates."""
        cycle, done = divmod(step, self.every)
        height = 1 - abs(2 * done / self.every - 1)
        return self.initial + (self.peak - self.initial) * self.factor**cycle * height
