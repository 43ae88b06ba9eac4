"""Noam schedule of the transformer: linear warmup, then decay like 1 / sqrt(t)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

from bpframe.plugin import checks


@final
@dataclass(frozen=True)
class Noam:
    """value(t) = factor width^(-1/2) min(s^(-1/2), s warmup^(-3/2)), s = t + 1 the number of the coming update.

    Highest, factor / sqrt(width warmup), at the update number `warmup`; `width` is the model's (d_model).
    Source: Vaswani et al. (2017), Attention is all you need, arXiv:1706.03762, equation 3, where factor is 1.
    """

    width: int
    warmup: int = 4000
    factor: float = 1.0

    def __post_init__(self) -> None:
        checks.positive("noam", width=self.width, warmup=self.warmup)

    def value(self, step: int) -> float:
        """The value after `step` updates."""
        s = step + 1
        return self.factor / math.sqrt(self.width) * min(1 / math.sqrt(s), s / (self.warmup * math.sqrt(self.warmup)))
