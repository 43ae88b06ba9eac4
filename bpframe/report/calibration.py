"""Calibration: whether a model is right as often as it is sure.  Shapes: confidence (N,), right (N,), bins (B,)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from bpframe.types import HostArray

BINS = 10


@final
@dataclass(frozen=True)
class Calibration:
    """Of each bin of confidence: `rows`, their mean `confidence`, the share that is `right`; NaN where no row is.

    error = sum_b rows_b / N |right_b - confidence_b|, the expected calibration error.
    Source: Guo et al. (2017), On calibration of modern neural networks, equation 3.
    """

    rows: HostArray
    confidence: HostArray
    right: HostArray
    error: float


def calibration(confidence: HostArray | None, right: HostArray) -> Calibration | None:
    """Of rows with these probabilities of the predicted class; bins of equal width, each without its lower edge."""
    if confidence is None or not np.isfinite(confidence).all():
        return None
    numbers = np.clip(np.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1)
    rows = np.bincount(numbers, minlength=BINS)
    with np.errstate(invalid="ignore"):
        means = [np.bincount(numbers, values, BINS) / rows for values in (confidence, right.astype(float))]
    error = float(np.nansum(rows * np.abs(means[1] - means[0])) / len(confidence))
    return Calibration(rows, means[0], means[1], error)
