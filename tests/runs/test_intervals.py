"""Intervals of a mean, against SciPy's."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from bpframe.intervals import mean_interval, t_quantile


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 5, 9, 10, 29, 30, 99, 250])
@pytest.mark.parametrize("level", [0.5, 0.9, 0.95, 0.999])
def test_quantiles_are_those_of_students_t(freedom: int, level: float) -> None:
    assert t_quantile(level, freedom) == pytest.approx(stats.t.ppf((1 + level) / 2, freedom), rel=1e-9)


def test_the_interval_is_that_of_scipy(rng: np.random.Generator) -> None:
    values = rng.normal(3, 2, size=7)
    mean, half = mean_interval(values.tolist())
    low, high = stats.t.interval(0.95, 6, values.mean(), stats.sem(values))
    assert (mean - half, mean + half) == pytest.approx((low, high), rel=1e-9)


def test_one_value_has_no_interval() -> None:
    mean, half = mean_interval([0.25])
    assert mean == 0.25
    assert math.isnan(half)


def test_equal_values_have_an_interval_of_no_width() -> None:
    assert mean_interval([0.5, 0.5, 0.5]) == (0.5, 0.0)
