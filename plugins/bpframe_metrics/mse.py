"""Mean squared error.  Shapes: prediction and target (B, C), weight (B,)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, final

import numpy as np

from bpframe.plugin import HostArray


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
