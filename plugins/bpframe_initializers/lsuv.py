"""Layer-sequential unit-variance initialization (LSUV).  w (n, m) weights, x (N, n) inputs on the training rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from bpframe.plugin import HostArray, Initializer, Shape
from bpframe_initializers.orthogonal import Orthogonal


@final
@dataclass(frozen=True)
class Lsuv:
    """w <- w / sqrt(var(x w)), w from `inner`: pre-activations x w of the training rows have a variance of 1.

    The variance is that over all rows and units together. Layers start in order, each on what those before it give,
    before the first step of the first fit; until then weights are those of `inner`. A layer whose inputs give one value
    alone keeps them. One division does what the paper's loop does, as x w is linear in w.
    Source: Mishkin and Matas (2016), All you need is a good init, arXiv:1511.06422, algorithm 1.
    """

    inner: Initializer = Orthogonal()

    def sample(self, rng: np.random.Generator, shape: Shape, fan_in: int, fan_out: int) -> HostArray:
        """float64 array of `shape`: that of `inner`."""
        return self.inner.sample(rng, shape, fan_in, fan_out)

    def adapt(self, values: HostArray, x: HostArray) -> HostArray:
        """The weights (n, m) scaled by what they make of the rows x (N, n)."""
        w = np.asarray(values, dtype=np.float64)
        deviation = float((np.asarray(x, dtype=np.float64) @ w).std()) if w.ndim == 2 else 0.0
        return w / deviation if np.isfinite(deviation) and deviation > 0 else w
