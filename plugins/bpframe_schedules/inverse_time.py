"""Inverse time decay: a power of 1 / t."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

from bpframe.plugin import checks


@final
@dataclass(frozen=True)
class InverseTime:
    """value(t) = initial / (1 + rate t)^power, t updates made.

    `rate` is per update: Keras's decay_rate / decay_steps. With power in (1/2, 1] the values add up to infinity and
    their squares do not, as the convergence of stochastic gradient descent asks for. scikit-learn's "invscaling" is
    rate 1 and power 1/2, with t counted in rows.
    Source: Robbins and Monro (1951), A stochastic approximation method; Bottou (2012), SGD tricks, section 5.2.
    """

    initial: float
    rate: float
    power: float = 1.0

    def __post_init__(self) -> None:
        checks.not_negative("inverse_time", rate=self.rate)
        checks.positive("inverse_time", power=self.power)

    def value(self, step: int) -> float:
        """The value after `step` updates."""
        return self.initial / math.pow(1 + self.rate * step, self.power)
