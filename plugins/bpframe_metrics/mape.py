"""Mean absolute percentage error.  Shapes: prediction and target (B, C), weight (B,)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, final

import numpy as np

from bpframe.plugin import Array, HostArray, ops


@final
@dataclass(frozen=True)
class MeanAbsolutePercentageError:
    """Weighted mean over rows of mean_c |prediction_c - target_c| / |target_c|, as a share: 0.1 is ten per cent.

    A target of less than float64's rounding (2.2e-16) counts as that, so a zero target makes it very large; as in
    scikit-learn.
    """

    of: ClassVar[Literal["predictions"]] = "predictions"
    best: ClassVar[Literal["min"]] = "min"

    def value(self, prediction: HostArray, target: HostArray, weight: HostArray) -> float:
        """At least 0."""
        y = target.astype(np.float64)
        share = np.abs(prediction - y) / np.maximum(np.abs(y), np.finfo(np.float64).eps)
        return float(np.average(share.mean(axis=1), weights=weight))

    def row_values(self, prediction: Array, target: Array) -> Array:
        """(B,) mean_c |prediction_c - target_c| / |target_c|."""
        xp = ops.namespace(prediction)
        size = xp.maximum(xp.abs(target), float(np.finfo(np.float64).eps))
        return xp.mean(xp.abs(prediction - target) / size, axis=1)

    def value_of_sums(self, sums: HostArray, target: HostArray, weight: HostArray) -> float:
        """The mean, from the sum of weighted row values."""
        return float(sums[0] / weight.sum())
