"""Intervals of a mean over few runs, by Student's t distribution."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

LEVEL = 0.95


def mean_interval(values: Sequence[float], level: float = LEVEL) -> tuple[float, float]:
    """(m, h): the mean m of n values, and half the width h of the interval m - h .. m + h that holds the true mean.

    h = t s / sqrt(n), with s^2 = sum (v - m)^2 / (n - 1) and t the quantile (1 + level) / 2 of Student's t with n - 1
    degrees of freedom: of all samples from a normal distribution, the share `level` has the true mean in the interval.
    One value gives no interval: h is NaN. Source: Student (1908), The probable error of a mean.
    """
    n = len(values)
    mean = math.fsum(values) / n
    if n == 1:
        return mean, math.nan
    deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (n - 1))
    return mean, t_quantile(level, n - 1) * deviation / math.sqrt(n)


@functools.lru_cache(maxsize=256)
def t_quantile(level: float, freedom: int) -> float:
    """The t with P(|T| < t) = level, for Student's T with a whole number of degrees of freedom."""
    low, high = 0.0, math.pi / 2
    while (middle := (low + high) / 2) not in (low, high):
        low, high = (middle, high) if _within(middle, freedom) < level else (low, middle)
    return math.tan(middle) * math.sqrt(freedom)


def _within(angle: float, freedom: int) -> float:
    """P(|T| < tan(angle) sqrt(freedom)).

    Source: Abramowitz and Stegun (1964), Handbook of Mathematical Functions, 26.7.3 and 26.7.4.
    """
    sine, cosine = math.sin(angle), math.cos(angle)
    odd = freedom % 2
    term = cosine if odd else 1.0
    total = term if freedom > 1 else 0.0
    for k in range(2 + odd, freedom - 1, 2):
        term *= cosine * cosine * (k - 1) / k
        total += term
    return (angle + sine * total) * 2 / math.pi if odd else sine * total
