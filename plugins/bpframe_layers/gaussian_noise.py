"""Gaussian noise added in training.  Shapes: x and y (B, ...), alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from bpframe.plugin import Array, Cache, Context, Params, Shape, checks, ops


@final
@dataclass(frozen=True)
class GaussianNoise:
    """y = x + stddev e, e standard normal, each number on its own; dx = dy. The identity in evaluation.

    For small noise it is, on average, a penalty on the slope of the network.
    Source: Bishop (1995), Training with noise is equivalent to Tikhonov regularization.
    """

    stddev: float = 0.1
    training_only: ClassVar[bool] = True
    range: ClassVar[str] = "(-inf, inf)"

    def __post_init__(self) -> None:
        checks.not_negative("gaussian_noise", stddev=self.stddev)

    @property
    def stochastic(self) -> bool:
        """Whether it draws at all."""
        return self.stddev != 0

    def init(self, rng: np.random.Generator, in_shape: Shape) -> tuple[Params, Shape]:
        """No parameters; rows keep their shape."""
        return {}, in_shape

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Cache]:
        """(x + noise, nothing)."""
        draws = context.training and not ops.is_constant(self.stddev, 0)
        return (x + self.stddev * context.key.normal(x) if draws else x), None

    def backward(self, params: Params, cache: Cache, dy: Array, context: Context) -> tuple[Array | None, Params]:
        """dy."""
        return dy, {}
