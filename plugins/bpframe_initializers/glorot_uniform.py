"""Glorot (Xavier) uniform initialization."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from bpframe.plugin import HostArray, Shape
from bpframe_initializers import scaling


@final
@dataclass(frozen=True)
class GlorotUniform:
    """Uniform on +-sqrt(6 / (fan_in + fan_out)): variance 2 / (fan_in + fan_out).

    Keeps the variance of activations and deltas level through tanh-like layers.
    Source: Glorot and Bengio (2010), Understanding the difficulty of training deep networks, equation 16.
    """

    def sample(self, rng: np.random.Generator, shape: Shape, fan_in: int, fan_out: int) -> HostArray:
        """float64 array of `shape`."""
        return scaling.uniform(rng, shape, 1.0, (fan_in + fan_out) / 2)

    def variance(self, fan_in: int, fan_out: int) -> float:
        """2 / (fan_in + fan_out)."""
        return 2 / (fan_in + fan_out)
