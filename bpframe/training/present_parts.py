"""Present parts of a trainer: its network and cost with scheduled settings as they are after the latest step."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from bpframe.engine.hyperparameters import Curve, bound, monitoring, value_at
from bpframe.engine.setting_values import values_after
from bpframe.errors import BpframeError, CheckpointError, ConfigError
from bpframe.network.backprop import CostLayer
from bpframe.network.network import Network
from bpframe.network.scheduled_parts import ScheduledParts
from bpframe.protocols import Group, Schedule
from bpframe.registry import arguments
from bpframe.registry.scheduled_arguments import ScheduledArgument

LOOKS = 64  # steps of a fit at which the values of a schedule are looked at
BEFORE_A_FIT = 10**6  # steps of the run to which a schedule of open length is stretched while there is none


@final
@dataclass(frozen=True)
class ConstantValue:
    """The value that a setting has while no fit moves it."""

    initial: float

    def value(self, step: int) -> float:
        """`initial`."""
        return self.initial


@final
class PresentParts:
    """`network` and `cost` to compute with; those of the trainer themselves where no setting is scheduled."""

    def __init__(self, network: Network, cost: CostLayer) -> None:
        self._parts = ScheduledParts(network.layers, cost)
        self.network, self.cost = network, self._parts.cost
        self._schedules: tuple[Schedule, ...] = ()  # of the latest fit
        if self.scheduled:
            self.network = copy.copy(network)
            self.network.layers = tuple(self._parts.layers)
            self.hold(value_at(bound(s, BEFORE_A_FIT, lambda _: ()), 0) for s in self._own_schedules)

    @property
    def scheduled(self) -> bool:
        """Whether a setting is scheduled."""
        return bool(self._parts.settings)

    @property
    def values(self) -> dict[str, float]:
        """Those of the scheduled settings, by path: "network[1].rate"."""
        paths = (setting.path for setting in self._parts.settings)
        return dict(zip(paths, self._parts.values, strict=True))

    def hold(self, values: Iterable[float]) -> None:
        """Other values, in order, which stay until a fit moves them."""
        self._parts.hold([float(value) for value in values])
        self._schedules = tuple(map(ConstantValue, self._parts.values))

    def restore(self, values: Any) -> None:
        """The values in a file, by path; CheckpointError unless they are a number for each scheduled setting."""
        paths = [setting.path for setting in self._parts.settings]
        by_name = values if isinstance(values, dict) else {}
        numbers: list[Any] = [by_name.get(path) for path in paths]
        if len(by_name) != len(paths) or not all(type(v) in (int, float) and math.isfinite(v) for v in numbers):
            raise CheckpointError(f"its scheduled settings {paths} need a number each, got {values!r:.200}.")
        self.hold(numbers)

    def monitoring(self) -> list[Any]:
        """The schedules that depend on a curve of the history."""
        return [inner for schedule in self._own_schedules for inner in monitoring(schedule)]

    def groups(self) -> list[Group]:
        """What brings the schedules to an engine."""
        return [Group((), None, schedules=self._schedules)] if self.scheduled else []

    def bind(self, steps: int, curve: Curve) -> None:
        """Follow the schedules over a run of `steps` steps and the history so far."""
        self._schedules = tuple(bound(schedule, steps, curve) for schedule in self._own_schedules)

    def check(self, first: int, last: int) -> None:
        """ConfigError for a value in the steps first .. last - 1 that a constructor refuses."""
        for setting, schedule in zip(self._parts.settings, self._schedules, strict=True):
            for step in np.unique(np.linspace(first, max(first, last - 1), LOOKS).astype(int)).tolist():
                _refuse(setting, value_at(schedule, step), step)

    def move(self, step: int) -> None:
        """Let the settings be those of the update that led to `step`."""
        if self.scheduled:
            self._parts.hold(values_after(self._schedules, step))

    @property
    def _own_schedules(self) -> list[Schedule]:
        return [setting.schedule for setting in self._parts.settings]


def _refuse(setting: ScheduledArgument, value: float, step: int) -> None:
    given = arguments(setting.owner)
    try:
        type(setting.owner)(**{**given, setting.name: value})
    except BpframeError as error:
        raise ConfigError(f"{setting.path} is {value!r} at step {step + 1} of its schedule: {error}") from None
