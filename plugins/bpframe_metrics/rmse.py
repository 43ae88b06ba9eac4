"""Root mean squared error.  Shapes: prediction and target (B, C), weight (B,)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, final

import numpy as np

from bpframe.plugin import Array, HostArray


@final
@dataclass(frozen=True)
class RootMeanSquaredError:
    """Mean over outputs of sqrt(weighted mean over rows of (prediction - target)^2), in units of the target.

    Each output has a root of its own, as in scikit-learn: with one output this is the root of `mse`, with more it is
    at most that.
    """

    of: ClassVar[Literal["predictions"]] = "predictions"
    best: ClassVar[Literal["min"]] = "min"

    def value(self, prediction: HostArray, target: HostArray, weight: HostArray) -> float:
        """At least 0."""
        r = prediction.astype(np.float64) - target
        return float(np.sqrt(np.average(r * r, axis=0, weights=weight)).mean())

    def row_values(self, prediction: Array, target: Array) -> Array:
        """(B, C) (prediction - target)^2."""
        r = prediction - target
        return r * r

    def value_of_sums(self, sums: HostArray, target: HostArray, weight: HostArray) -> float:
        """The mean over outputs of the root of each mean."""
        return float(np.sqrt(sums / weight.sum()).mean())
