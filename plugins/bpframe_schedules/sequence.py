"""A sequence of schedules, one after another."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, final

from bpframe.plugin import Schedule
from bpframe_schedules import inner, stretches


@final
@dataclass(frozen=True)
class Sequence:
    """value(t) = schedules[i](t - b), i the number of boundaries <= t and b the latest of them (0 before the first).

    Each schedule counts from the boundary at which it starts; one whose length was left open lasts to the next.
    As optax's join_schedules and torch's SequentialLR.
    """

    schedules: tuple[Schedule, ...]
    boundaries: tuple[int, ...]

    def __post_init__(self) -> None:
        stretches.check("sequence", self.boundaries, len(self.schedules))
        for schedule in self.schedules:
            inner.without_memory("sequence", schedule)

    @classmethod
    def example_configs(cls) -> list[dict[str, Any]]:
        """For the checks: three schedules, two of them of open length."""
        line, level = {"name": "linear", "initial": 0.1, "final": 1.0}, {"name": "constant", "initial": 1.0}
        return [{"schedules": [line, level, {"name": "cosine", "initial": 1.0}], "boundaries": [10, 60]}]

    def over(self, steps: int) -> Sequence:
        """The same, with each schedule fitted to its stretch and the last to the rest of `steps` updates."""
        ends = pairwise((0, *self.boundaries, steps))
        fitted = [
            inner.fitted(schedule, end - start) for schedule, (start, end) in zip(self.schedules, ends, strict=True)
        ]
        return replace(self, schedules=tuple(fitted))

    def value(self, step: int) -> float:
        """The value after `step` updates."""
        i = bisect_right(self.boundaries, step)
        return self.schedules[i].value(step - (0, *self.boundaries)[i])
