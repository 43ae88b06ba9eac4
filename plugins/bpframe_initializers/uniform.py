"""Uniform initialization between two bounds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from bpframe.plugin import ConfigError, HostArray, Shape


@final
@dataclass(frozen=True)
class Uniform:
    """Uniform on [low, high), whatever the size of the layer."""

    low: float = -0.05
    high: float = 0.05

    def __post_init__(self) -> None:
        if not self.low <= self.high:
            raise ConfigError(f"uniform needs a low that is not above high, got {self.low!r} and {self.high!r}.")

    def sample(self, rng: np.random.Generator, shape: Shape, fan_in: int, fan_out: int) -> HostArray:
        """float64 array of `shape`."""
        return rng.uniform(self.low, self.high, shape)
