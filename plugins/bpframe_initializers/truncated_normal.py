"""Truncated normal initialization: normal without outliers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from bpframe.plugin import HostArray, Shape, checks
from bpframe_initializers import scaling


@final
@dataclass(frozen=True)
class TruncatedNormal:
    """Normal with these moments, draws beyond mean +- 2 stddev made again.

    `stddev` is that of the normal before the cut, as in Keras and JAX: what comes out has 0.8796 of it. torch's
    trunc_normal_ cuts at the numbers a and b, by default -2 and 2: the same for a stddev of 1 alone.
    """

    stddev: float = 0.05
    mean: float = 0.0

    def __post_init__(self) -> None:
        checks.not_negative("truncated_normal", stddev=self.stddev)

    def sample(self, rng: np.random.Generator, shape: Shape, fan_in: int, fan_out: int) -> HostArray:
        """float64 array of `shape`."""
        return scaling.cut_normal(rng, shape, self.mean, self.stddev)
