"""Weighted counts of rows by class, and ratios of such counts averaged over classes.

Shapes: prediction and target (B,) class numbers or (B, k) zeros and ones, weight (B,). Counts (K,): of the classes
that occur in either, or of the k labels. How ratios are averaged:

    binary    class 1 alone, of labels 0 and 1
    macro     the mean over classes
    weighted  the mean over classes, weighted by how often each is true
    micro     counts are added up over classes first

A ratio whose denominator is 0 counts as 0; predictions that are NaN give NaN. All conventions are scikit-learn's.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from bpframe.plugin import DataError, HostArray, ops

Average = Literal["binary", "macro", "micro", "weighted"]
Rows = tuple[HostArray, HostArray, HostArray]  # prediction, target, weight
Counts = tuple[HostArray, HostArray, HostArray]  # right, predicted, actual
AVERAGES = ("binary", "macro", "micro", "weighted")


def counts(prediction: HostArray, target: HostArray, weight: HostArray) -> Counts:
    """(weight of rows predicted as a class rightly, of those predicted, of those true), each (K,)."""
    if target.ndim == 2:
        return weight @ (prediction * target), weight @ prediction, weight @ target
    classes, numbers = np.unique(np.concatenate([prediction, target]), return_inverse=True)
    p, y = np.split(numbers, 2)
    right = np.bincount(y, weight * (p == y), len(classes))
    return right, np.bincount(p, weight, len(classes)), np.bincount(y, weight, len(classes))


def ratio(owner: str, average: Average, rows: Rows, parts: Callable[[Counts], tuple[HostArray, HostArray]]) -> float:
    """numerator / denominator of each class, averaged; `parts` gives the two, (K,) each, from the counts.

    DataError for more than two classes with average "binary".
    """
    prediction, target, weight = rows
    if np.isnan(prediction).any():
        return math.nan
    if average == "binary":
        prediction, target = only_class_one(owner, prediction, target)
    right, predicted, actual = counts(prediction, target, weight)
    numerator, denominator = parts((right, predicted, actual))
    return averaged(average, numerator, denominator, actual)


def only_class_one(owner: str, prediction: HostArray, target: HostArray) -> tuple[HostArray, HostArray]:
    """(B, 1) zeros and ones of class 1, which `counts` takes; DataError where there are more than two classes."""
    guess, truth = (one_class_a_row(owner, array) for array in (prediction, target))
    if (largest := max(guess.max(initial=0), truth.max(initial=0))) > 1:
        raise DataError(
            f"{owner} with average 'binary' needs two classes, 0 and 1, got class {largest}. "
            "Set average to 'macro', 'micro' or 'weighted'."
        )
    return guess[:, None], truth[:, None]


def one_class_a_row(owner: str, numbers: Any) -> Any:
    """(B,) class numbers; DataError for several labels a row."""
    if numbers.ndim == 2 and numbers.shape[1] > 1:
        raise DataError(f"{owner} needs one class a row, got {numbers.shape[1]} labels a row.")
    return ops.namespace(numbers).reshape(numbers, (-1,))


def averaged(average: Average, part: HostArray, whole: HostArray, actual: HostArray) -> float:
    """part / whole of each class, averaged over classes."""
    if average == "micro":
        part, whole = part.sum(keepdims=True), whole.sum(keepdims=True)
    ratios = np.divide(part, whole, out=np.zeros(len(part)), where=whole > 0)
    shares = actual if average == "weighted" and actual.any() else None
    return float(np.average(ratios, weights=shares))
