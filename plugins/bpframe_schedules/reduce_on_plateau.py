"""Reduction on a plateau: a cut when a curve of the history stops improving."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, final

from bpframe.plugin import ScaledSchedule, Schedule, checks, lower
from bpframe_schedules import inner


@final
@dataclass(frozen=True)
class ReduceOnPlateau:
    """value(t) = s(t) max(factor^k, min_factor), s the schedule and k the cuts that the curve so far has earned.

    A cut is earned by `patience` epochs in a row that are not better than the best by more than `min_delta`; NaN is
    not better; epochs without an update, or, on a curve of validation, with the average that predicted before, are
    left out. Then the count starts anew, and the next `cooldown` epochs do not count. k follows from the curve
    alone, so a resumed run agrees, and a second fit counts on from the history of earlier ones (early_stopping starts
    anew in each). `min_delta` is in units of the curve `monitor`, or with threshold_mode "rel" a part
    of the size of its best value. `mode` says which direction is better where the curve does not say it itself, as
    losses and most metrics do.
    Keras: its cooldown c rests c - 1 epochs. torch: threshold_mode "rel", and patience is one less. optax:
    threshold_mode "rel". Where the best value is below 0, both take what is a little worse for better; here it is not.
    """

    schedule: Schedule
    monitor: str = "validation.loss"
    mode: Literal["min", "max"] | None = None
    factor: float = 0.1
    patience: int = 10
    min_delta: float = 1e-4
    cooldown: int = 0
    min_factor: float = 0.0
    threshold_mode: Literal["abs", "rel"] = "abs"

    def __post_init__(self) -> None:
        checks.fraction("reduce_on_plateau", factor=self.factor, min_factor=self.min_factor)
        checks.positive("reduce_on_plateau", factor=self.factor, patience=self.patience)
        checks.not_negative("reduce_on_plateau", min_delta=self.min_delta, cooldown=self.cooldown)
        checks.one_of("reduce_on_plateau", ("min", "max"), mode=self.mode or "min")
        checks.one_of("reduce_on_plateau", ("abs", "rel"), threshold_mode=self.threshold_mode)
        inner.without_memory("reduce_on_plateau", self.schedule)

    @classmethod
    def example_configs(cls) -> list[dict[str, Any]]:
        """For the checks: around a constant, and around a schedule of open length."""
        return [{"schedule": {"name": name, "initial": 0.5}} for name in ("constant", "cosine")]

    def over(self, steps: int) -> ReduceOnPlateau:
        """The same, with a length that the schedule left open set to `steps`."""
        return replace(self, schedule=inner.fitted(self.schedule, steps))

    def after(self, curve: Sequence[float]) -> Schedule:
        """The schedule that holds after epochs with these values."""
        return ScaledSchedule(self.schedule, max(self.factor ** self._cuts(curve), self.min_factor))

    def value(self, step: int) -> float:
        """The schedule's own value after `step` updates, as long as there is no curve."""
        return self.schedule.value(step)

    def _cuts(self, curve: Iterable[float]) -> int:
        mode = self.mode or getattr(curve, "best", None)
        sign, best, waited, resting, cuts = -1 if mode == "max" else 1, math.inf, 0, 0, 0
        for value in curve:
            relative = self.threshold_mode == "rel" and math.isfinite(best)
            better = lower(sign * value, best, self.min_delta * (abs(best) if relative else 1))
            best, waited = (sign * value, 0) if better else (best, waited + 1)
            if resting:
                resting, waited = resting - 1, 0
            if waited >= self.patience:
                cuts, waited, resting = cuts + 1, 0, self.cooldown
        return cuts
