"""Thinning of long curves, so that nothing that stands out is lost.  Shapes: values (n,), positions (m,)."""

from __future__ import annotations

import numpy as np

from bpframe.types import HostArray

MOST_POINTS = 2000  # of a curve, more than a screen has columns


def thinned_positions(values: HostArray, most: int | None = MOST_POINTS) -> HostArray:
    """Positions, in order, of the least and the most of each of `most` / 2 intervals; all where there are no more.

    NaN is neither; an interval of nothing else keeps its first. None: all positions.
    """
    n = len(values)
    if most is None or n <= most:
        return np.arange(n)
    width = -(-n // (most // 2))
    count = -(-n // width)
    padded = np.full(count * width, np.nan)
    padded[:n] = values
    table = padded.reshape(count, width)
    unknown = np.isnan(table)
    least = np.argmin(np.where(unknown, np.inf, table), axis=1)
    highest = np.argmax(np.where(unknown, -np.inf, table), axis=1)
    starts = np.arange(count) * width
    return np.unique(np.concatenate([starts + least, starts + highest]))
