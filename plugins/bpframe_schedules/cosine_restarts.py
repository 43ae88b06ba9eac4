"""Cosine decay with warm restarts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from bpframe.plugin import checks
from bpframe_schedules.half_cosine import between


@final
@dataclass(frozen=True)
class CosineRestarts:
    """value(t) = final + (initial - final) (1 + cos(pi s / T)) / 2, s updates into a period of T, which then restarts.

    The first period lasts `steps` updates, each later one `t_mult` times as long as the one before.
    Source: Loshchilov and Hutter (2017), SGDR, arXiv:1608.03983, equation 5 (T_0 = steps, T_mult = t_mult).
    """

    initial: float
    steps: int
    final: float = 0.0
    t_mult: int = 1

    def __post_init__(self) -> None:
        checks.positive("cosine_restarts", steps=self.steps, t_mult=self.t_mult)

    def value(self, step: int) -> float:
        """The value after `step` updates; `initial` again at each restart."""
        period = self.steps
        while self.t_mult > 1 and step >= period:
            step, period = step - period, period * self.t_mult
        return between(self.initial, self.final, step % period / period)
