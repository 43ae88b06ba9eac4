"""The settings table: the numbers of every component's settings at each step, for steps that are one program.

Shapes: a table (T, K) of the K numbers that settings hold at each of T steps, a row (K,) of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, final

import numpy as np

from bpframe.engine.hyperparameters import Settings
from bpframe.engine.parameter_store import UpdateComponent
from bpframe.engine.setting_values import schedules_of, values_before
from bpframe.protocols import Group, Periodic
from bpframe.registry.nested import is_schedule
from bpframe.types import HostArray


@final
class RowSettings:
    """Settings of a component whose numbers stand in a row of the table, from `start` on."""

    def __init__(self, component: UpdateComponent, row: Any, start: int) -> None:
        self._settings = Settings(component, float)
        self.h, self.note, self.width = self._settings.h, self._settings.note, len(self._settings.slots)
        for k, (h, name, _) in enumerate(self._settings.slots):
            setattr(h, name, row[start + k])

    def at(self, step: Any, batch_info: Mapping[str, Any] | None = None) -> Any:
        """h with the step, and what else is known of it; the numbers are those of the row."""
        self.note(step=step + 1, **(batch_info or {}))
        return self.h


def row_settings(row: Any) -> Callable[[UpdateComponent], RowSettings]:
    """A function that gives components their settings, in the order of the table's columns."""
    start = 0

    def settings(component: UpdateComponent) -> RowSettings:
        nonlocal start
        result = RowSettings(component, row, start)
        start += result.width
        return result

    return settings


def settings_table(groups: Sequence[Group], first: int, steps: int) -> HostArray:
    """(steps, K) in float64: the numbers of every component's settings at the steps that follow `first` steps.

    Last come those of layers and loss that follow a schedule.
    """
    columns: list[list[float]] = []
    for group in groups:
        clock = list(range(first, first + steps))
        for _, component in group.components():
            for _, _, value in Settings(component, float).slots:
                columns.append([value.value(max(t, 0)) for t in clock] if is_schedule(value) else [value] * steps)
            if isinstance(component, Periodic):
                clock = [(t + 1) // component.period - 1 for t in clock]
    schedules = schedules_of(groups)
    columns += map(list, zip(*(values_before(schedules, t) for t in range(first, first + steps)), strict=True))
    return np.array(columns, dtype=np.float64).reshape(len(columns), steps).T


def any_scheduled(groups: Sequence[Group]) -> bool:
    """Whether any setting follows a schedule."""
    slots = (slot for group in groups for _, part in group.components() for slot in Settings(part, float).slots)
    return bool(schedules_of(groups)) or any(is_schedule(value) for _, _, value in slots)


def table_width(groups: Sequence[Group]) -> int:
    """K, the numbers of all settings."""
    own = sum(len(Settings(part, float).slots) for group in groups for _, part in group.components())
    return own + len(schedules_of(groups))
