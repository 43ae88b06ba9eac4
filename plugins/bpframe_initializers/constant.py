"""Constant initialization."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from bpframe.plugin import HostArray, Shape


@final
@dataclass(frozen=True)
class Constant:
    """Every entry is `value`."""

    value: float

    def sample(self, rng: np.random.Generator, shape: Shape, fan_in: int, fan_out: int) -> HostArray:
        """float64 array of `shape`, all `value`; draws nothing."""
        return np.full(shape, self.value)
