"""He (Kaiming) uniform initialization."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from bpframe.plugin import HostArray, Shape
from bpframe_initializers import scaling


@final
@dataclass(frozen=True)
class HeUniform:
    """Uniform on +-sqrt(6 / fan_in): variance 2 / fan_in, for relu layers.

    Source: He et al. (2015), arXiv:1502.01852, equation 10, with another distribution of that variance.
    """

    def sample(self, rng: np.random.Generator, shape: Shape, fan_in: int, fan_out: int) -> HostArray:
        """float64 array of `shape`."""
        return scaling.uniform(rng, shape, 2.0, fan_in)

    def variance(self, fan_in: int, fan_out: int) -> float:
        """2 / fan_in."""
        return 2 / fan_in
