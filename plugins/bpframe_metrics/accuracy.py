"""Accuracy.  Shapes: prediction and target (B,) class numbers or (B, k) zeros and ones, weight (B,)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal, final

import numpy as np

from bpframe.plugin import Array, HostArray, ops


@final
@dataclass(frozen=True)
class Accuracy:
    """Weighted share of rows whose label is right; with several labels a row, all of them (subset accuracy)."""

    of: ClassVar[Literal["labels"]] = "labels"
    best: ClassVar[Literal["max"]] = "max"

    def value(self, prediction: HostArray, target: HostArray, weight: HostArray) -> float:
        """In [0, 1]."""
        if np.isnan(prediction).any():
            return math.nan
        right = np.reshape(prediction == target, (len(target), -1)).all(axis=1)
        weighted = np.multiply(right, weight, dtype=np.float64)  # as np.average, which takes twice as long on few rows
        return float(weighted.sum()) / float(weight.sum(dtype=np.float64))

    def row_values(self, prediction: Array, target: Array) -> Array:
        """(B,) whether a row is right."""
        xp = ops.namespace(prediction)
        right = xp.equal(prediction, target)
        return right if right.ndim == 1 else xp.all(right, axis=1)

    def value_of_sums(self, sums: HostArray, target: HostArray, weight: HostArray) -> float:
        """The mean, from the sum of weighted row values."""
        return float(sums[0] / weight.sum())
