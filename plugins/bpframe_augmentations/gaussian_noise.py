"""Gaussian noise on inputs.  x (B, ...)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from bpframe.plugin import Array, Hyper, Key, checks


@final
@dataclass(frozen=True)
class GaussianNoise:
    """x <- x + stddev e, e standard normal, each number on its own; in the units of x, before any layer.

    For small noise it is, on average, a penalty on the slope of the network.
    Source: Bishop (1995), Training with noise is equivalent to Tikhonov regularization.
    """

    stddev: float = 0.1

    def __post_init__(self) -> None:
        checks.not_negative("gaussian_noise", stddev=self.stddev)

    def augment(
        self, x: Array, target: Array, weight: Array | None, key: Key, h: Hyper
    ) -> tuple[Array, Array, Array | None]:
        """(x with noise, the others as they are)."""
        return x + h.stddev * key.normal(x), target, weight
