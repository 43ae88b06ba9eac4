"""One entry of the confusion matrix.  Shapes: prediction and target (B,) class numbers, weight (B,)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, final

import numpy as np

from bpframe.plugin import Array, HostArray, checks, ops
from bpframe_metrics import class_counts


@final
@dataclass(frozen=True)
class Confusion:
    """Weighted share of the rows of class `actual` that is predicted as class `predicted`; 0 where there is no row.

    Classes are numbers in the sorted order of labels, from 0. The entry (actual, predicted) of scikit-learn's
    confusion_matrix with normalize="true", as a metric is one number; a row of the matrix adds up to 1.
    """

    actual: int
    predicted: int
    of: ClassVar[Literal["labels"]] = "labels"

    def __post_init__(self) -> None:
        checks.not_negative("confusion", actual=self.actual, predicted=self.predicted)

    @classmethod
    def example_configs(cls) -> list[dict[str, Any]]:
        """For the checks: a mistake, and a class met."""
        return [{"actual": 0, "predicted": 1}, {"actual": 1, "predicted": 1}]

    @property
    def best(self) -> Literal["min", "max"]:
        """The larger the better on the diagonal, where predictions are right, the smaller elsewhere."""
        return "max" if self.actual == self.predicted else "min"

    def value(self, prediction: HostArray, target: HostArray, weight: HostArray) -> float:
        """In [0, 1]; DataError for several labels a row."""
        if np.isnan(prediction).any():
            return math.nan
        guess, truth = (class_counts.one_class_a_row("confusion", array) for array in (prediction, target))
        rows = truth == self.actual
        total = weight[rows].sum()
        return float(weight[rows & (guess == self.predicted)].sum() / total) if total > 0 else 0.0

    def row_values(self, prediction: Array, target: Array) -> Array:
        """(B,) whether a row is of the one class and predicted as the other; DataError for several labels a row."""
        guess, truth = (class_counts.one_class_a_row("confusion", array) for array in (prediction, target))
        return ops.namespace(guess).logical_and(truth == self.actual, guess == self.predicted)

    def value_of_sums(self, sums: HostArray, target: HostArray, weight: HostArray) -> float:
        """The share of the weight of rows of class `actual`."""
        total = weight[target.reshape(-1) == self.actual].sum()
        return float(sums[0] / total) if total > 0 else 0.0
