"""Bands over seeds: the mean of curves of several runs, and an interval of it at each epoch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bpframe.intervals import LEVEL, t_quantile
from bpframe.types import HostArray


class Band(NamedTuple):
    """The mean (T,) over runs at each epoch, and its 95% interval low .. high (T,), of no width where one run is left.

    `runs`: how many there are.
    """

    mean: HostArray
    low: HostArray
    high: HostArray
    runs: int


def band(curves: Sequence[HostArray]) -> Band:
    """The band of curves of any lengths: at each epoch over those that have a number there, NaN where none has."""
    length = max(len(curve) for curve in curves)
    padded = np.full((len(curves), length), np.nan)
    for row, curve in zip(padded, curves, strict=True):
        row[: len(curve)] = curve
    known = ~np.isnan(padded)
    counts = known.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        mean = np.where(known, padded, 0).sum(axis=0) / counts
        squares = np.where(known, (padded - mean) ** 2, 0).sum(axis=0)
        half = _quantiles(counts) * np.sqrt(squares / (counts - 1) / counts)
    half[counts < 2] = 0.0
    return Band(mean, mean - half, mean + half, len(curves))


def _quantiles(counts: HostArray) -> HostArray:
    """Those of Student's t for so many runs each."""
    found, place = np.unique(counts, return_inverse=True)
    return np.array([t_quantile(LEVEL, int(n) - 1) if n > 1 else 0.0 for n in found])[place]
