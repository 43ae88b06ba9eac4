"""Number sets, in which components say where their numbers lie: intervals as text, "[0, inf)", "simplex", "simplices".

A bracket includes its end, a parenthesis does not. The simplex is that of rows: numbers of at least 0 that sum to 1;
rows of "simplices" are one or several such rows side by side.
Shapes: scores (B, C).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple, final

import numpy as np

from bpframe.types import HostArray

SIMPLEX = "simplex"
SIMPLICES = "simplices"
EVERYWHERE = "(-inf, inf)"
OFF = 1e-3  # from 1, that a row's sum may be: rounding of thousands of float32 probabilities stays far below


@final
class Interval(NamedTuple):
    """All numbers from `low` to `high`, with or without either end."""

    low: float
    high: float
    has_low: bool
    has_high: bool

    @staticmethod
    @lru_cache(maxsize=256)
    def of(text: str) -> Interval:
        """The interval that a text names, the unit interval for simplices; ValueError for any other text."""
        number = r"\s*([-+]?(?:inf|[\d.]+(?:e[-+]?\d+)?))\s*"
        interval = "[0, 1]" if text in (SIMPLEX, SIMPLICES) else str(text)
        match = re.fullmatch(rf"([\[(]){number},{number}([\])])", interval)
        if match is None or not float(match[2]) <= float(match[3]):
            raise ValueError(f'needs an interval like "[0, inf)", or "{SIMPLEX}", got {text!r}')
        return Interval(float(match[2]), float(match[3]), match[1] == "[", match[4] == "]")

    def holds(self, numbers: HostArray, rounding: float = 0.0) -> HostArray:
        """Whether each number lies in it, shape of the numbers; within `rounding`, relative to an end, it does."""
        if rounding:
            low, high = self.low - rounding * abs(self.low), self.high + rounding * abs(self.high)
            return (numbers >= low) & (numbers <= high)
        above = numbers >= self.low if self.has_low else numbers > self.low
        below = numbers <= self.high if self.has_high else numbers < self.high
        return above & below


def is_subset(one: str, other: str) -> bool:
    """Whether all of one set lies in the other."""
    if other in (SIMPLEX, SIMPLICES):
        return one in (SIMPLEX, other)
    a, b = Interval.of(one), Interval.of(other)
    low = a.low > b.low or (a.low == b.low and (b.has_low or not a.has_low))
    return low and (a.high < b.high or (a.high == b.high and (b.has_high or not a.has_high)))


def first_outside(scores: HostArray, wanted: str, rounding: float = 0.0) -> tuple[int, int] | None:
    """(row, column) of the first score that lies outside; column -1 for a row of another sum; None: all inside."""
    inside = Interval.of(wanted).holds(scores, rounding)
    if not inside.all():
        row, column = np.argwhere(~inside)[0]
        return int(row), int(column)
    if wanted not in (SIMPLEX, SIMPLICES):
        return None
    sums = scores.sum(axis=1, dtype=np.float64)
    off = np.abs(sums - (1 if wanted == SIMPLEX else np.maximum(np.round(sums), 1))) > OFF
    return (int(np.argmax(off)), -1) if off.any() else None


def side_by_side(numbers: str | None) -> str | None:
    """Where rows lie that are made of several rows of this set, one beside the other."""
    return SIMPLICES if numbers == SIMPLEX else numbers
