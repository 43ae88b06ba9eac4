"""LeCun normal initialization."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from bpframe.plugin import HostArray, Shape
from bpframe_initializers import scaling


@final
@dataclass(frozen=True)
class LecunNormal:
    """Normal with mean 0 and variance 1 / fan_in: unit inputs give unit pre-activations; what selu needs.

    Source: LeCun et al. (1998), Efficient BackProp, section 4.6; for selu: Klambauer et al. (2017),
    arXiv:1706.02515. Not truncated, as in the papers (Keras truncates).
    """

    def sample(self, rng: np.random.Generator, shape: Shape, fan_in: int, fan_out: int) -> HostArray:
        """float64 array of `shape`."""
        return scaling.normal(rng, shape, 1.0, fan_in)

    def variance(self, fan_in: int, fan_out: int) -> float:
        """1 / fan_in."""
        return 1 / fan_in
