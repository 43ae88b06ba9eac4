"""Piecewise constant value, which changes at given times."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import Any, final

from bpframe_schedules import stretches


@final
@dataclass(frozen=True)
class Piecewise:
    """value(t) = values[i], i the number of boundaries b <= t: each value holds from its boundary on.

    Boundaries count updates: the update that follows b of them has the new value already, as in torch and optax
    (in Keras it has the old one).
    """

    boundaries: tuple[int, ...]
    values: tuple[float, ...]

    def __post_init__(self) -> None:
        stretches.check("piecewise", self.boundaries, len(self.values))

    @classmethod
    def example_configs(cls) -> list[dict[str, Any]]:
        """For the checks: three values, and one."""
        return [{"boundaries": [2, 50], "values": [1.0, 0.1, 0.01]}, {"boundaries": [], "values": [0.5]}]

    def value(self, step: int) -> float:
        """The value after `step` updates."""
        return float(self.values[bisect_right(self.boundaries, step)])
