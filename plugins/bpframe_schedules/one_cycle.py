"""One cycle: a rise, then a fall."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import final

from bpframe.plugin import ConfigError, checks
from bpframe_schedules import length
from bpframe_schedules.half_cosine import between


@final
@dataclass(frozen=True)
class OneCycle:
    """From low = peak / div_factor up to peak in the first pct_start of the run, then down to low / final_div_factor.

    Both ways are half cosines. `steps` left out: the whole run. The peak is met after pct_start * steps updates, the
    end after all of them, as in optax; torch counts from the first update to the last, so that the same rates are its
    total_steps = steps + 1 with its pct_start = (pct_start steps + 1) / (steps + 1). By default torch drives beta1 (or
    momentum) too, from 0.95 to 0.85 and back: a cycle for that setting with peak 0.85, div_factor 0.85 / 0.95 and
    final_div_factor 1.
    Source: Smith and Topin (2018), Super-convergence, arXiv:1708.07120; cosines and defaults as in fastai and torch.
    """

    peak: float
    steps: int | None = None
    pct_start: float = 0.3
    div_factor: float = 25.0
    final_div_factor: float = 1e4

    def __post_init__(self) -> None:
        if not 0 < self.pct_start < 1:
            raise ConfigError(f"one_cycle needs a number in (0, 1) as pct_start, got {self.pct_start!r}.")
        checks.positive(
            "one_cycle", steps=self.steps, div_factor=self.div_factor, final_div_factor=self.final_div_factor
        )

    def over(self, steps: int) -> OneCycle:
        """The same cycle, `steps` long where its length was left out."""
        return self if self.steps is not None else replace(self, steps=steps)

    def value(self, step: int) -> float:
        """The value after `step` updates."""
        part, low = length.part("one_cycle", step, self.steps), self.peak / self.div_factor
        if part < self.pct_start:
            return between(low, self.peak, part / self.pct_start)
        return between(self.peak, low / self.final_div_factor, (part - self.pct_start) / (1 - self.pct_start))
