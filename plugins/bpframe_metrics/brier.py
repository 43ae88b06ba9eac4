"""Brier score.  Shapes: prediction (B, C) probabilities, target (B, C), weight (B,)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, final

import numpy as np

from bpframe.plugin import Array, HostArray, ops


@final
@dataclass(frozen=True)
class Brier:
    """Weighted mean over rows of sum_c (p_c - y_c)^2, half of it for two classes.

    So two classes have the same score in one column and in two, in [0, 1]; with more it is in [0, 2], as in the
    source and in scikit-learn.
    Source: Brier (1950), Verification of forecasts expressed in terms of probability.
    """

    of: ClassVar[Literal["predictions"]] = "predictions"
    best: ClassVar[Literal["min"]] = "min"

    def value(self, prediction: HostArray, target: HostArray, weight: HostArray) -> float:
        """At least 0."""
        squares = ((prediction.astype(np.float64) - target) ** 2).sum(axis=1)
        share = 0.5 if prediction.shape[1] == 2 else 1.0
        return share * float(np.average(squares, weights=weight))

    def row_values(self, prediction: Array, target: Array) -> Array:
        """(B,) its sum of squares, halved for two classes."""
        r = prediction - target
        return (0.5 if prediction.shape[1] == 2 else 1.0) * ops.namespace(r).sum(r * r, axis=1)

    def value_of_sums(self, sums: HostArray, target: HostArray, weight: HostArray) -> float:
        """The mean, from the sum of weighted row values."""
        return float(sums[0] / weight.sum())
