"""Variance scaling initialization: a variance that follows the size of the layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, final

import numpy as np

from bpframe.plugin import HostArray, Shape, checks
from bpframe_initializers import scaling

FANS = ("fan_in", "fan_out", "fan_avg")
DRAWS = {"uniform": scaling.uniform, "normal": scaling.normal, "truncated_normal": scaling.truncated}


@final
@dataclass(frozen=True)
class VarianceScaling:
    """Mean 0 and variance scale / fan, fan as `mode` says: fan_in, fan_out, or their mean.

    "truncated_normal" ends at two standard deviations of the normal that is cut, which is made wider so that the
    variance after the cut is the one asked for. glorot is scale 1 of fan_avg, he scale 2 and lecun scale 1 of fan_in.
    Arguments and conventions as in Keras and JAX (whose "truncated_normal" is corrected likewise).
    """

    scale: float = 1.0
    mode: Literal["fan_in", "fan_out", "fan_avg"] = "fan_in"
    distribution: Literal["truncated_normal", "normal", "uniform"] = "truncated_normal"

    def __post_init__(self) -> None:
        checks.positive("variance_scaling", scale=self.scale)
        checks.one_of("variance_scaling", FANS, mode=self.mode)
        checks.one_of("variance_scaling", tuple(DRAWS), distribution=self.distribution)

    def sample(self, rng: np.random.Generator, shape: Shape, fan_in: int, fan_out: int) -> HostArray:
        """float64 array of `shape`."""
        return DRAWS[self.distribution](rng, shape, self.scale, self._fan(fan_in, fan_out))

    def variance(self, fan_in: int, fan_out: int) -> float:
        """scale / fan."""
        return self.scale / self._fan(fan_in, fan_out)

    def _fan(self, fan_in: int, fan_out: int) -> float:
        return {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
