"""Permutation importance: how much worse a model is once a column tells it nothing.  Shapes: x (N, n), repeats R."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from bpframe.intervals import mean_interval
from bpframe.report.scored_rows import ScoredRows
from bpframe.types import HostArray

REPEATS = 5
MOST_ROWS, MOST_COLUMNS = 1000, 200


@final
@dataclass(frozen=True)
class Importance:
    """By column: the mean increase of the loss when its values are shuffled among the rows, and its deviation (n,).

    Source: Breiman (2001), Random forests, section 10; Fisher et al. (2019), All models are wrong, but many are useful.
    """

    columns: tuple[str, ...]
    increase: HostArray
    deviation: HostArray


def permutation_importance(rows: ScoredRows) -> Importance | None:
    """That of each column of the first rows; None where rows are no tables of numbers, or too wide."""
    x = rows.data.x
    if x.ndim != 2 or x.shape[1] > MOST_COLUMNS or len(x) < 2:
        return None
    few = ScoredRows.first(rows, MOST_ROWS)
    before = few.loss()
    generator = np.random.default_rng(0)  # the same for every run, so that they can be compared
    orders = [generator.permutation(len(few.data.x)) for _ in range(REPEATS)]
    increases = np.array([[_loss_without(few, k, order) - before for order in orders] for k in range(x.shape[1])])
    return Importance(rows.columns, increases.mean(axis=1), increases.std(axis=1))


def mean_importance(each: Sequence[Importance]) -> Importance:
    """The mean over models of the same columns; its deviation is half of the 95% interval of that mean."""
    values = np.array([one.increase for one in each]).T.tolist()
    means, halves = zip(*(mean_interval(value) for value in values), strict=True)
    return Importance(each[0].columns, np.array(means), np.array(halves))


def _loss_without(rows: ScoredRows, column: int, order: HostArray) -> float:
    shuffled = rows.data.x.copy()
    shuffled[:, column] = shuffled[order, column]
    return rows.loss(shuffled)
