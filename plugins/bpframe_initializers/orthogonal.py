"""Orthogonal initialization: a random rotation."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

import numpy as np

from bpframe.plugin import HostArray, Shape


@final
@dataclass(frozen=True)
class Orthogonal:
    """w^T w = gain^2 I where w (n, m) is tall, w w^T = gain^2 I where it is wide; uniform among all of these.

    Q of the QR decomposition of a normal matrix, each column with the sign that makes R's diagonal positive: without
    it Q is not uniform. Axes before the last count as one, so a vector has length gain.
    Source: Saxe, McClelland and Ganguli (2014), arXiv:1312.6120; the signs: Mezzadri (2007), arXiv:math-ph/0609050.
    """

    gain: float = 1.0

    def sample(self, rng: np.random.Generator, shape: Shape, fan_in: int, fan_out: int) -> HostArray:
        """float64 array of `shape`."""
        n, m = math.prod(shape[:-1]), math.prod(shape[-1:])
        q, r = np.linalg.qr(rng.normal(size=(max(n, m), min(n, m))))
        q *= np.where(np.diag(r) < 0, -self.gain, self.gain)
        return (q if n >= m else q.T).reshape(shape)
