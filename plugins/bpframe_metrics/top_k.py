"""Top-k accuracy.  Shapes: prediction (B, C) scores or probabilities, target (B, C) one-hot, weight (B,)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal, final

import numpy as np

from bpframe.plugin import DataError, HostArray, checks


@final
@dataclass(frozen=True)
class TopK:
    """Weighted share of rows whose class is among the k with the largest predictions; k = 1 is `accuracy`.

    Of equal predictions that of the lower class number counts as larger, as for labels (in scikit-learn the other
    way round).
    """

    k: int = 5
    of: ClassVar[Literal["predictions"]] = "predictions"
    best: ClassVar[Literal["max"]] = "max"

    def __post_init__(self) -> None:
        checks.positive("top_k", k=self.k)

    def value(self, prediction: HostArray, target: HostArray, weight: HostArray) -> float:
        """In [0, 1]; DataError for a single column."""
        if prediction.shape[1] == 1:
            raise DataError("top_k needs a column for each class, got one column. Use accuracy.")
        if np.isnan(prediction).any():
            return math.nan
        truth = target.argmax(axis=1)[:, None]
        own = np.take_along_axis(prediction, truth, axis=1)
        ahead = (prediction > own) | ((prediction == own) & (np.arange(prediction.shape[1]) < truth))
        return float(np.average(ahead.sum(axis=1) < self.k, weights=weight))
