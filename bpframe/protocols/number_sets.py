"""Number sets, in which components say where their numbers lie: intervals as text, "[0, inf)", and "simplex".

A bracket includes its end, a parenthesis does not. The simplex is that of rows: numbers of at least 0 that sum to 1.
Shapes: scores (B, C).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple, final

import numpy as np

from bpframe.types import HostArray

SIMPLEX = "simplex"
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
        """The interval that a text names, the unit interval for the simplex; ValueError for any other text."""
        number = r"\s*([-+]?(?:inf|[\d.]+(?:e[-+]?\d+)?))\s*"
        match = re.fullmatch(rf"([\[(]){number},{number}([\])])", "[0, 1]" if text == SIMPLEX else str(text))
        if match is None or not float(match[2]) <= float(match[3]):
            raise ValueError(f'needs an interval like "[0, inf)", or "{SIMPLEX}", got {text!r}')
        return Interval(float(match[2]), float(match[3]), match[1] == "[", match[4] == "]")

    def holds(self, numbers: HostArray) -> HostArray:
        """Whether each number lies in it, shape of the numbers."""
        above = numbers >= self.low if self.has_low else numbers > self.low
        below = numbers <= self.high if self.has_high else numbers < self.high
        return above & below


def is_subset(one: str, other: str) -> bool:
    """Whether all of one set lies in the other."""
    if other == SIMPLEX:
        return one == SIMPLEX
    a, b = Interval.of(one), Interval.of(other)
    low = a.low > b.low or (a.low == b.low and (b.has_low or not a.has_low))
    return low and (a.high < b.high or (a.high == b.high and (b.has_high or not a.has_high)))


def first_outside(scores: HostArray, wanted: str) -> tuple[int, int] | None:
    """(row, column) of the first score that lies outside; column -1 where a row's sum is not 1; None: all inside."""
    inside = Interval.of(wanted).holds(scores)
    if not inside.all():
        row, column = np.argwhere(~inside)[0]
        return int(row), int(column)
    sums = scores.sum(axis=1, dtype=np.float64)
    off = np.abs(sums - 1) > OFF
    return (int(np.argmax(off)), -1) if wanted == SIMPLEX and off.any() else None
