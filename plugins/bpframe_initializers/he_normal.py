"""He (Kaiming) normal initialization."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from bpframe.plugin import HostArray, Shape
from bpframe_initializers import scaling


@final
@dataclass(frozen=True)
class HeNormal:
    """Normal with mean 0 and variance 2 / fan_in: keeps the scale of activations level through relu layers.

    Source: He et al. (2015), arXiv:1502.01852, equation 10. Not truncated, as in the paper (Keras truncates).
    """

    def sample(self, rng: np.random.Generator, shape: Shape, fan_in: int, fan_out: int) -> HostArray:
        """float64 array of `shape`."""
        return scaling.normal(rng, shape, 2.0, fan_in)

    def variance(self, fan_in: int, fan_out: int) -> float:
        """2 / fan_in."""
        return 2 / fan_in
