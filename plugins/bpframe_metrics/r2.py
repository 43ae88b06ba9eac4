"""Coefficient of determination.  Shapes: prediction and target (B, C), weight (B,)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, final

import numpy as np

from bpframe.plugin import Array, HostArray


@final
@dataclass(frozen=True)
class R2:
    """Mean over outputs of 1 - sum w (y - prediction)^2 / sum w (y - mean y)^2; 1 is perfect, 0 as good as the mean.

    An output that is constant in y counts as 1 where it is met exactly, otherwise 0.
    Source: Wright (1921), Correlation and causation; the conventions are scikit-learn's `r2_score`.
    """

    of: ClassVar[Literal["predictions"]] = "predictions"
    best: ClassVar[Literal["max"]] = "max"

    def value(self, prediction: HostArray, target: HostArray, weight: HostArray) -> float:
        """At most 1, without a lower bound."""
        y, w = target.astype(np.float64), weight[:, None].astype(np.float64)
        return self.value_of_sums((w * (y - prediction) ** 2).sum(axis=0), target, weight)

    def row_values(self, prediction: Array, target: Array) -> Array:
        """(B, C) (y - prediction)^2."""
        r = target - prediction
        return r * r

    def value_of_sums(self, sums: HostArray, target: HostArray, weight: HostArray) -> float:
        """From what is left, sum w (y - prediction)^2 of each output; the spread of y is known without predictions."""
        y, w, left = target.astype(np.float64), weight[:, None].astype(np.float64), sums
        spread = (w * (y - np.average(y, axis=0, weights=weight)) ** 2).sum(axis=0)
        share = np.divide(left, spread, out=np.where(np.isnan(left), left, left > 0), where=spread > 0)
        return float(np.mean(1 - share))
