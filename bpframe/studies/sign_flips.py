"""Sign flips: intervals of paired differences, exact, and without a word on how the differences are distributed.

Where two rules do not differ, the sign of each difference d_1, ..., d_n is as likely one as the other. Flipping signs
gives the distribution of Wilcoxon's T, the sum of the ranks of the positive ones; the values that it does not refuse as
the centre are an interval between two of the n (n + 1) / 2 averages (d_i + d_j) / 2, i <= j.
Source: Hollander and Wolfe (1999), Nonparametric statistical methods, section 3.3.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, final

LEVEL = 0.95


@final
@dataclass(frozen=True)
class SignFlipInterval:
    """The centre of n differences, and an interval that covers the true one with probability `coverage` or more."""

    centre: float
    low: float
    high: float
    coverage: float
    n: int

    @property
    def shows_difference(self) -> bool:
        """Whether 0 is outside of an interval of the usual level; with less than six differences none can be had."""
        return self.coverage >= LEVEL and not self.low <= 0 <= self.high


def sign_flip_interval(differences: Sequence[float], level: float = LEVEL) -> SignFlipInterval:
    """The interval of at least this coverage, or the widest where no interval has so much.

    Infinite differences, of which one side was never measured, count as larger than all others.
    """
    n = len(differences)
    averages = sorted(_average(differences[i], differences[j]) for i in range(n) for j in range(i, n))
    counts = _rank_sum_counts(n)
    below, tail = -1, 0.0  # how many averages each end leaves out, and the probability of that
    while below + 2 < len(averages) / 2 and 2 * (tail + counts[below + 1] / 2**n) <= 1 - level + 1e-12:
        below += 1
        tail += counts[below] / 2**n
    left_out = max(below, 0)
    tail = tail if below >= 0 else counts[0] / 2**n
    return SignFlipInterval(median(averages), averages[left_out], averages[-1 - left_out], 1 - 2 * tail, n)


def ratio_interval(logs: Iterable[float]) -> dict[str, Any] | None:
    """The ratio and its interval as plain data, from logarithms of ratios; None where there is none."""
    differences = list(logs)
    if not differences:
        return None
    found = sign_flip_interval(differences)
    ends = {name: _exp(getattr(found, name)) for name in ("low", "high")}
    shown = found.shows_difference
    return {"ratio": _exp(found.centre), **ends, "coverage": found.coverage, "units": found.n, "difference": shown}


def _exp(value: float) -> float:
    return math.exp(value) if value < 700 else math.inf


def _average(a: float, b: float) -> float:
    """(a + b) / 2, and 0 of two infinities that cancel."""
    return 0.0 if math.isinf(a) and math.isinf(b) and a != b else (a + b) / 2


def _rank_sum_counts(n: int) -> list[int]:
    """How many of the 2^n flips give each sum of the ranks 1 to n."""
    counts = [1] + [0] * (n * (n + 1) // 2)
    for rank in range(1, n + 1):
        for total in range(len(counts) - 1, rank - 1, -1):
            counts[total] += counts[total - rank]
    return counts
