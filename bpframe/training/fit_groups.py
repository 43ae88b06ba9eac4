"""Fit groups: the groups of parameters of one fit, with schedules bound to its steps and to the history so far."""

from __future__ import annotations

from typing import Any, final

from bpframe.engine.learning_rates import main_rate, rate_at
from bpframe.engine.update_clock import rule_step
from bpframe.protocols import Group, Session
from bpframe.registry.nested import is_schedule
from bpframe.training.monitor import MonitoredCurve
from bpframe.training.present_parts import PresentParts
from bpframe.training.resting_groups import at_epoch, next_change
from bpframe.training.run_state import RunState
from bpframe.training.spec import TrainerSpec
from bpframe.training.trained_parameters import TrainedParameters
from bpframe.training.update_curves import UpdateCurves


@final
class FitGroups:
    """What moves in a fit over so many `steps` of the run: groups, and settings of layers and loss."""

    change: int | None = None  # the next epoch from which other groups rest, or train

    def __init__(
        self,
        spec: TrainerSpec,
        params: TrainedParameters,
        present: PresentParts,
        curves: UpdateCurves,
        steps: int,
        state: RunState,
    ) -> None:
        self._spec, self._params, self._curves, self._steps, self._state = spec, params, curves, steps, state
        self.present, self._lr = present, None
        self.monitored = [*spec.monitoring(), *present.monitoring()]  # the schedules that follow a curve

    def at_present(self) -> list[Group]:
        """The groups as of the epochs that are recorded."""
        bound = self._spec.over(self._steps, self._curve)
        groups = at_epoch(self._params.groups(bound), self._state.history.step)
        self.change = next_change(groups, len(self._state.history))
        groups = self._curves.groups(groups) + self.scheduled()
        used = any(group.rule is not None and group.origin == 0 for group in groups)
        self._lr = main_rate(bound.optimizer) if used else None
        return groups

    def scheduled(self) -> list[Group]:
        """What moves settings of layers and loss."""
        self.present.bind(self._steps, self._curve)
        return self.present.groups()

    def rate(self, session: Session, step: int) -> float | None:
        """The learning rate of the trainer's optimizer in the update that led to `step`; of a group's, if all have one.

        A multiplier of a group does not count.
        """
        rate: Any = self._lr
        if rate is None:
            return session.setting("lr", step)
        if not is_schedule(rate):
            return float(rate)
        return rate_at(rate, max(rule_step(self._spec.gradient_steps, step - 1), 0))

    def _curve(self, name: str) -> MonitoredCurve:
        history = self._state.history
        values = enumerate(history.curve(name), start=1)
        return MonitoredCurve((v for i, v in values if not history.is_idle(name, i)), self._state.curves[name])
