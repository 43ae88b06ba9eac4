"""Balanced accuracy.  Shapes: prediction and target (B,) class numbers, weight (B,)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal, final

import numpy as np

from bpframe.plugin import HostArray
from bpframe_metrics import class_counts


@final
@dataclass(frozen=True)
class BalancedAccuracy:
    """Mean over the classes that occur of the weighted share of their rows that is right; 1 / K for a constant guess.

    Source: Brodersen et al. (2010), The balanced accuracy and its posterior distribution; for K classes as in
    scikit-learn, unadjusted. One class a row: for several labels a row take recall with average "macro".
    """

    of: ClassVar[Literal["labels"]] = "labels"
    best: ClassVar[Literal["max"]] = "max"

    def value(self, prediction: HostArray, target: HostArray, weight: HostArray) -> float:
        """In [0, 1]; DataError for several labels a row."""
        if np.isnan(prediction).any():
            return math.nan
        guess, truth = (class_counts.one_class_a_row("balanced_accuracy", array) for array in (prediction, target))
        right, _, actual = class_counts.counts(guess, truth, weight)
        return float(np.mean(right[actual > 0] / actual[actual > 0]))
