"""Glorot (Xavier) normal initialization."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from bpframe.plugin import HostArray, Shape
from bpframe_initializers import scaling


@final
@dataclass(frozen=True)
class GlorotNormal:
    """Normal with mean 0 and variance 2 / (fan_in + fan_out): `glorot_uniform` in another shape.

    Source: Glorot and Bengio (2010), equation 12. Not truncated, as in torch (Keras truncates).
    """

    def sample(self, rng: np.random.Generator, shape: Shape, fan_in: int, fan_out: int) -> HostArray:
        """float64 array of `shape`."""
        return scaling.normal(rng, shape, 1.0, (fan_in + fan_out) / 2)

    def variance(self, fan_in: int, fan_out: int) -> float:
        """2 / (fan_in + fan_out)."""
        return 2 / (fan_in + fan_out)
