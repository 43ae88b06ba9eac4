"""The values of scheduled settings of layers and loss, from the schedules that groups bring to an engine."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bpframe.engine.hyperparameters import value_at
from bpframe.protocols import Group, Schedule


def schedules_of(groups: Iterable[Group]) -> tuple[Schedule, ...]:
    """What the scheduled settings of layers and loss follow, in their order."""
    return tuple(schedule for group in groups for schedule in group.schedules)


def values_before(schedules: Sequence[Schedule], step: int) -> list[float]:
    """The values in the update that follows `step` updates."""
    return [value_at(schedule, step) for schedule in schedules]


def values_after(schedules: Sequence[Schedule], step: int) -> list[float]:
    """The values in the update that led to `step`, with which the network predicts."""
    return values_before(schedules, max(step - 1, 0))
