"""Truncated normal initialization: normal without outliers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from bpframe.plugin import ConfigError, HostArray, Shape, checks
from bpframe_initializers import scaling

LEAST = 0.01  # of the normal, so that few draws are made again


@final
@dataclass(frozen=True)
class TruncatedNormal:
    """Normal with these moments, draws below `a` or above `b` made again; left out: beyond mean -+ 2 stddev.

    `stddev` is that of the normal before the cut, as in Keras and JAX, which cut at 2 stddev: what comes out has 0.8796
    of it. `a` and `b` are numbers, not multiples of stddev, as in torch's trunc_normal_, where they are -2 and 2: at a
    stddev of 0.02 that cuts nothing.
    """

    stddev: float = 0.05
    mean: float = 0.0
    a: float | None = None
    b: float | None = None

    def __post_init__(self) -> None:
        checks.not_negative("truncated_normal", stddev=self.stddev)
        a, b = self._ends()
        given = not (self.a is None and self.b is None)
        if given and not scaling.share(self.mean, self.stddev, a, b) >= LEAST:
            raise ConfigError(
                f"truncated_normal needs at least {LEAST:.0%} of its normal between a and b, got mean {self.mean!r}, "
                f"stddev {self.stddev!r} and the ends {a!r} and {b!r}. For an interval far out take uniform."
            )

    def sample(self, rng: np.random.Generator, shape: Shape, fan_in: int, fan_out: int) -> HostArray:
        """float64 array of `shape`."""
        if self.a is None and self.b is None:
            return scaling.cut_normal(rng, shape, self.mean, self.stddev)
        return scaling.normal_between(rng, shape, self.mean, self.stddev, self._ends())

    def _ends(self) -> tuple[float, float]:
        low, high = self.mean - scaling.CUT * self.stddev, self.mean + scaling.CUT * self.stddev
        return low if self.a is None else self.a, high if self.b is None else self.b
