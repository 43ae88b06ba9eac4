"""Linear change from one value to another."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import final

from bpframe.plugin import checks
from bpframe_schedules import length


@final
@dataclass(frozen=True)
class Linear:
    """value(t) = initial + (final - initial) t / steps for t <= steps updates, then final; it may fall or rise.

    `steps` left out: the whole run, to the end of the current fit.
    """

    initial: float
    steps: int | None = None
    final: float = 0.0

    def __post_init__(self) -> None:
        checks.positive("linear", steps=self.steps)

    def over(self, steps: int) -> Linear:
        """The same line, `steps` long where its length was left out."""
        return self if self.steps is not None else replace(self, steps=steps)

    def value(self, step: int) -> float:
        """The value after `step` updates."""
        part = length.part("linear", step, self.steps)
        return (1 - part) * self.initial + part * self.final  # exact at both ends
