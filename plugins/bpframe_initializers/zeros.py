"""Initialization with zeros."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from bpframe.plugin import HostArray, Shape


@final
@dataclass(frozen=True)
class Zeros:
    """Every entry is 0: for biases; weights that start equal stay equal."""

    def sample(self, rng: np.random.Generator, shape: Shape, fan_in: int, fan_out: int) -> HostArray:
        """float64 array of `shape`, all 0; draws nothing."""
        return np.zeros(shape)
