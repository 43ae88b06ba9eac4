"""Initialization for layers of sines (SIREN)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from bpframe.plugin import HostArray, Shape, checks


@final
@dataclass(frozen=True)
class Siren:
    """Uniform on [-a, a], a = sqrt(6 / fan_in) / omega, or, in the `first` layer, 1 / fan_in.

    With the activation sine of the same `omega` the arguments of all sines are then about normal with variance 1,
    however deep the network, and those of the first layer span several periods of inputs in [-1, 1].
    Source: Sitzmann et al. (2020), Implicit neural representations with periodic activation functions,
    arXiv:2006.09661, section 3.2 and supplement 1.5.
    """

    omega: float = 30.0
    first: bool = False

    def __post_init__(self) -> None:
        checks.positive("siren", omega=self.omega)

    def sample(self, rng: np.random.Generator, shape: Shape, fan_in: int, fan_out: int) -> HostArray:
        """float64 array of `shape`."""
        reach = self.variance(fan_in, fan_out) ** 0.5 * 3**0.5
        return rng.uniform(-reach, reach, size=shape)

    def variance(self, fan_in: int, fan_out: int) -> float:
        """a^2 / 3."""
        n = max(1, fan_in)  # of an empty parameter
        reach = 1 / n if self.first else (6 / n) ** 0.5 / self.omega
        return float(reach**2 / 3)
