"""Normal initialization with a given standard deviation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from bpframe.plugin import HostArray, Shape, checks


@final
@dataclass(frozen=True)
class Normal:
    """Normal with these moments, whatever the size of the layer."""

    stddev: float = 0.05
    mean: float = 0.0

    def __post_init__(self) -> None:
        checks.not_negative("normal", stddev=self.stddev)

    def sample(self, rng: np.random.Generator, shape: Shape, fan_in: int, fan_out: int) -> HostArray:
        """float64 array of `shape`."""
        return rng.normal(self.mean, self.stddev, shape)
