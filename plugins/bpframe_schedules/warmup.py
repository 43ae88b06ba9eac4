"""Linear warmup in front of any schedule."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, final

from bpframe.plugin import Schedule, checks
from bpframe_schedules import inner


@final
@dataclass(frozen=True)
class Warmup:
    """value(t) = initial + (s(0) - initial) t / steps for t < steps updates, then s(t - steps), s the schedule.

    The schedule starts when the warm-up ends, and one whose length was left open fills the rest of the run, as in
    optax's warmup_cosine_decay_schedule. For a setting that then stays: {"name": "constant", "initial": 0.1}.
    Source: Goyal et al. (2017), Accurate, large minibatch SGD, arXiv:1706.02677, section 2.2, gradual warm-up.
    """

    schedule: Schedule
    steps: int
    initial: float = 0.0

    def __post_init__(self) -> None:
        checks.positive("warmup", steps=self.steps)

    @classmethod
    def example_configs(cls) -> list[dict[str, Any]]:
        """For the checks: before a constant, and before a schedule of open length."""
        return [{"schedule": {"name": name, "initial": 0.5}, "steps": 10} for name in ("constant", "cosine")]

    def over(self, steps: int) -> Warmup:
        """The same, with what follows the warm-up fitted into the rest of `steps` updates."""
        return replace(self, schedule=inner.fitted(self.schedule, steps - self.steps))

    def value(self, step: int) -> float:
        """The value after `step` updates."""
        if step >= self.steps:
            return self.schedule.value(step - self.steps)
        return self.initial + (self.schedule.value(0) - self.initial) * step / self.steps
