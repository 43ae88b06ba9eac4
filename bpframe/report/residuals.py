"""Residuals of predicted quantities, in bins, so that no row shows.  Shapes: truth and guess (N, M), bins (B,)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from bpframe.types import HostArray

SHARES = (0.05, 0.25, 0.5, 0.75, 0.95)  # of rows below a quantile
BINS = 12
FEWEST = 5  # rows in a bin whose quantiles are given: of fewer they are the rows themselves
MOST_COLUMNS = 6


@final
@dataclass(frozen=True)
class Residuals:
    """Of one column of y: residual = actual - predicted, its `quantiles` (B, 5) in bins of rows by their prediction.

    `prediction` (B,) is the mean of each bin. `mean`, `deviation`: of all residuals; `r2` = 1 - sum of squares of
    residuals / of deviations from the mean.
    """

    prediction: HostArray
    quantiles: HostArray
    mean: float
    deviation: float
    r2: float


def column_residuals(truth: HostArray, guess: HostArray) -> tuple[Residuals, ...]:
    """Those of each of the first columns; none of so few rows that they would show, or not finite."""
    if len(truth) < FEWEST or not (np.isfinite(truth).all() and np.isfinite(guess).all()):
        return ()
    columns = range(min(truth.shape[1], MOST_COLUMNS))
    return tuple(_residuals(truth[:, k].astype(float), guess[:, k].astype(float)) for k in columns)


def _residuals(truth: HostArray, guess: HostArray) -> Residuals:
    left = truth - guess
    order = np.argsort(guess, kind="stable")
    bins = max(1, min(BINS, len(order) // FEWEST))
    parts = np.array_split(order, bins)
    spread = float(np.square(truth - truth.mean()).sum())
    return Residuals(
        np.array([guess[part].mean() for part in parts]),
        np.array([np.quantile(left[part], SHARES) for part in parts]),
        float(left.mean()),
        float(left.std()),
        1 - float(np.square(left).sum()) / spread if spread else float("nan"),
    )
