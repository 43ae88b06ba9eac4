"""Groups of runs whose configs differ in seeds alone, and the intervals of curves over these.

Shapes: values (runs, n).
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from bpframe.intervals import LEVEL, t_quantile
from bpframe.types import HostArray


@final
@dataclass(frozen=True)
class SeedGroup:
    """`runs`: the numbers of runs of one config; `name`: the settings that set it apart from others."""

    name: str
    runs: Sequence[int]


def curve_interval(values: HostArray) -> tuple[HostArray, HostArray]:
    """(mean, half width) over the runs (runs, n) -> (n,): `bpframe.intervals.mean_interval` at each place.

    Values that are not finite are left out; both are NaN where fewer than two are left, as behind the end of all but
    one, so that the mean does not jump to that.
    """
    kept = np.where(np.isfinite(values), values, np.nan)
    count = np.isfinite(kept).sum(axis=0)
    factors = np.array([np.nan, np.nan, *(t_quantile(LEVEL, n - 1) for n in range(2, len(values) + 1))])
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore", RuntimeWarning)  # of places that have no value
        mean, deviation = np.nanmean(kept, axis=0), np.nanstd(kept, axis=0, ddof=1)
        return np.where(count > 1, mean, np.nan), factors[count] * deviation / np.sqrt(count)
