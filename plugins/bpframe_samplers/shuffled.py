"""Shuffled order: every row once, at random."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from bpframe.plugin import HostArray, permutation


@final
@dataclass(frozen=True)
class Shuffled:
    """A permutation of all rows, a new one each epoch: what a fit does without a sampler."""

    def order(self, rng: np.random.Generator, target: HostArray, weight: HostArray) -> HostArray:
        """The N row numbers, shuffled."""
        return permutation(rng, len(target))
