"""Identity initialization: the layer hands its input on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from bpframe.plugin import HostArray, Shape, ShapeError


@final
@dataclass(frozen=True)
class Identity:
    """w_ij = gain where i = j, else 0; for w (n, m) that is not square, the rest of the input or output is 0.

    Source: Le, Jaitly and Hinton (2015), arXiv:1504.00941.
    """

    gain: float = 1.0

    def sample(self, rng: np.random.Generator, shape: Shape, fan_in: int, fan_out: int) -> HostArray:
        """float64 array of `shape`, of two axes; draws nothing."""
        if len(shape) != 2:
            raise ShapeError(f"identity needs a matrix, got shape {shape}. For a vector use constant.")
        return self.gain * np.eye(*shape)
