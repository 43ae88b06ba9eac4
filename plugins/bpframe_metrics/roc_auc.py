"""Area under the ROC curve.  Shapes: prediction (B, C), of which the order counts, target (B, C), weight (B,)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal, final

import numpy as np

from bpframe.plugin import HostArray


@final
@dataclass(frozen=True)
class RocAuc:
    """P(a row of the class gets a larger prediction than one of the rest) + P(the same) / 2; rows drawn by weight.

    Mean over the C columns, each class against the rest (macro). A target of at least 1/2 belongs to the class. Not
    defined where a column has rows of one side only: NaN then, as in scikit-learn. Where the loss applies the link
    (softmax_cross_entropy, sigmoid_cross_entropy, ...), probabilities are ranked by their log odds, so those that round
    to 1 in float32 are not ties; a network that itself ends in softmax or sigmoid has rounded probabilities alone.
    Source: Hanley and McNeil (1982), The meaning and use of the area under a ROC curve; Mann and Whitney (1947).
    """

    of: ClassVar[Literal["log_odds"]] = "log_odds"
    best: ClassVar[Literal["max"]] = "max"

    def value(self, prediction: HostArray, target: HostArray, weight: HostArray) -> float:
        """In [0, 1]; 1/2 for predictions that say nothing."""
        return float(np.mean([_area(p, y >= 0.5, weight) for p, y in zip(prediction.T, target.T, strict=True)]))


def _area(prediction: HostArray, positive: HostArray, weight: HostArray) -> float:
    if np.isnan(prediction).any():
        return math.nan
    _, place = np.unique(prediction, return_inverse=True)  # equal predictions share a place
    above, below = (np.bincount(place, weight * side) for side in (positive, ~positive))
    pairs = above.sum() * below.sum()
    lower = np.cumsum(below) - below / 2  # the weight of negatives with smaller predictions, and half of equal ones
    return float(above @ lower / pairs) if pairs > 0 else math.nan
