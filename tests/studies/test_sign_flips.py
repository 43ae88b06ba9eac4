"""Intervals by sign flips: exact where all flips are counted one by one, and they cover what they say."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from bpframe.studies.sign_flips import sign_flip_interval


def counted_coverage(left_out: int, n: int) -> float:
    """The probability that more than `left_out` averages are on either side of 0, by all 2^n flips of 1, ..., n."""
    kept = 0
    for signs in itertools.product((1, -1), repeat=n):
        signed = [sign * rank for sign, rank in zip(signs, range(1, n + 1), strict=True)]
        positive = sum((signed[i] + signed[j]) > 0 for i in range(n) for j in range(i, n))
        kept += left_out < positive < n * (n + 1) // 2 - left_out
    return kept / 2**n


@pytest.mark.parametrize("n", range(1, 10))
def test_coverage_is_that_of_all_flips_counted_one_by_one(n: int) -> None:
    values = np.random.default_rng(n).normal(size=n).tolist()
    found = sign_flip_interval(values)
    averages = sorted((values[i] + values[j]) / 2 for i in range(n) for j in range(i, n))
    left_out = averages.index(found.low)
    assert averages[len(averages) - 1 - left_out] == found.high
    assert found.coverage == pytest.approx(counted_coverage(left_out, n), abs=1e-12)
    wider = counted_coverage(left_out + 1, n)
    assert wider < 0.95, "a shorter interval would do"


def test_less_than_six_differences_show_nothing_and_six_do() -> None:
    assert not sign_flip_interval([1.0] * 5).shows_difference
    assert sign_flip_interval([1.0] * 5).coverage == 1 - 2 / 2**5
    assert sign_flip_interval([1.0] * 6).shows_difference
    assert not sign_flip_interval([1.0, 1.0, 1.0, 1.0, 1.0, -1.0]).shows_difference


def test_the_interval_covers_the_centre_of_a_skewed_pair_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(2000):
        differences = rng.exponential(size=9) - rng.exponential(size=9) + 0.4  # symmetric about 0.4, with heavy tails
        found = sign_flip_interval(differences.tolist())
        covered += found.low <= 0.4 <= found.high
    assert covered / 2000 == pytest.approx(0.961, abs=0.013)


def test_infinite_differences_are_the_largest_of_all() -> None:
    found = sign_flip_interval([math.inf, 0.1, 0.2, 0.3, 0.1, 0.2])
    assert (found.low, found.high) == (0.1, math.inf)
    assert 0.1 < found.centre < 0.3
    assert sign_flip_interval([math.inf, -math.inf]).centre == 0
