"""Quadratic kappa of ordered classes.  Shapes: prediction and target (B,) class numbers, weight (B,)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal, final

import numpy as np

from bpframe.plugin import DataError, HostArray


@final
@dataclass(frozen=True)
class QuadraticKappa:
    """1 - mean (i - j)^2 over the rows / mean (i - j)^2 over all pairs of a prediction i and a truth j, by weight.

    1 where all are right, 0 for guesses that know no row, below 0 where they are worse; NaN where all are one class.
    Classes count by their number, in their order, a step between neighbours as 1.
    Source: Cohen (1968), Weighted kappa; as scikit-learn's cohen_kappa_score(weights="quadratic").
    """

    of: ClassVar[Literal["labels"]] = "labels"
    best: ClassVar[Literal["max"]] = "max"

    def value(self, prediction: HostArray, target: HostArray, weight: HostArray) -> float:
        """In [-1, 1]; DataError for several labels a row."""
        if prediction.ndim != 1 or target.ndim != 1:
            raise DataError("quadratic_kappa needs one class a row, got several labels.")
        guess, truth = prediction.astype(np.float64), target.astype(np.float64)
        (first, one), (second, two) = (_moments(x, weight) for x in (guess, truth))
        by_chance = one + two + (first - second) ** 2
        found = float(np.average((guess - truth) ** 2, weights=weight))
        return 1 - found / by_chance if by_chance else math.nan


def _moments(x: HostArray, weight: HostArray) -> tuple[float, float]:
    """(mean, variance)."""
    mean = float(np.average(x, weights=weight))
    return mean, float(np.average((x - mean) ** 2, weights=weight))
