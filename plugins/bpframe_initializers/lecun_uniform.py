"""LeCun uniform initialization."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from bpframe.plugin import HostArray, Shape
from bpframe_initializers import scaling


@final
@dataclass(frozen=True)
class LecunUniform:
    """Uniform on +-sqrt(3 / fan_in): variance 1 / fan_in, so that unit inputs give unit pre-activations.

    Source: LeCun et al. (1998), Efficient BackProp, section 4.6.
    """

    def sample(self, rng: np.random.Generator, shape: Shape, fan_in: int, fan_out: int) -> HostArray:
        """float64 array of `shape`."""
        return scaling.uniform(rng, shape, 1.0, fan_in)

    def variance(self, fan_in: int, fan_out: int) -> float:
        """1 / fan_in."""
        return 1 / fan_in
