"""Mean squared error.  Shapes: prediction and target (B, C), weight (B,)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, final

import numpy as np

from bpframe.plugin import Array, HostArray, ops


@final
@dataclass(frozen=True)
class MeanSquaredError:
    """Weighted mean over rows of mean_c (prediction_c - target_c)^2, in squared units of the target."""

    of: ClassVar[Literal["predictions"]] = "predictions"
    best: ClassVar[Literal["min"]] = "min"

    def value(self, prediction: HostArray, target: HostArray, weight: HostArray) -> float:
        """At least 0."""
        r = prediction.astype(np.float64) - target
        return float(np.average((r * r).mean(axis=1), weights=weight))

    def row_values(self, prediction: Array, target: Array) -> Array:
        """(B,) mean_c (prediction_c - target_c)^2."""
        r = prediction - target
        return ops.namespace(r).mean(r * r, axis=1)

    def value_of_sums(self, sums: HostArray, target: HostArray, weight: HostArray) -> float:
        """The mean, from the sum of weighted row values."""
        return float(sums[0] / weight.sum())
