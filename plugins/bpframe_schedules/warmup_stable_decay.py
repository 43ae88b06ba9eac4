"""Warmup, stable phase, decay."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal, final

from bpframe.plugin import ConfigError, checks
from bpframe_schedules import length


@final
@dataclass(frozen=True)
class WarmupStableDecay:
    """From initial to peak in a line over `warmup` updates, then peak, then to `final` over the last `decay` of all.

    With x the done part of the decay, value = final + (peak - final) (1 - sqrt(x)), or (1 - x) for shape "linear".
    A run that turns out longer only stays at the peak for longer. `steps` left out: the whole run.
    Source: Hu et al. (2024), MiniCPM, arXiv:2404.06395, section 4; the shape: Haegele et al. (2024), arXiv:2405.18392.
    """

    peak: float
    warmup: int
    decay: int
    steps: int | None = None
    initial: float = 0.0
    final: float = 0.0
    shape: Literal["1-sqrt", "linear"] = "1-sqrt"

    def __post_init__(self) -> None:
        checks.not_negative("warmup_stable_decay", warmup=self.warmup)
        checks.one_of("warmup_stable_decay", ("1-sqrt", "linear"), shape=self.shape)
        checks.positive("warmup_stable_decay", decay=self.decay, steps=self.steps)
        if self.steps is not None and self.warmup + self.decay > self.steps:
            parts = f"warmup {self.warmup} and decay {self.decay}"
            raise ConfigError(f"warmup_stable_decay needs a run of at least {parts} updates, got {self.steps}.")

    def over(self, steps: int) -> WarmupStableDecay:
        """The same curve, `steps` long where its length was left out; ConfigError if it does not fit in."""
        return self if self.steps is not None else replace(self, steps=steps)

    def value(self, step: int) -> float:
        """The value after `step` updates."""
        steps = length.known("warmup_stable_decay", steps=self.steps)
        if step < self.warmup:
            return self.initial + (self.peak - self.initial) * step / self.warmup
        x = min(max(step - (steps - self.decay), 0) / self.decay, 1.0)
        return self.final + (self.peak - self.final) * (1 - (math.sqrt(x) if self.shape == "1-sqrt" else x))
