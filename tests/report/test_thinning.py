"""Long curves are thinned to the least and the most of each interval."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies

from bpframe.report.thinning import thinned_positions


def by_hand(values: list[float], most: int) -> list[int]:
    """The same, an interval at a time, by Python's own min and max."""
    width = -(-len(values) // (most // 2))
    kept: set[int] = set()
    for start in range(0, len(values), width):
        known = [i for i in range(start, min(start + width, len(values))) if values[i] == values[i]]
        kept |= {min(known, key=values.__getitem__), max(known, key=values.__getitem__)} if known else {start}
    return sorted(kept)


@given(strategies.lists(strategies.floats(allow_infinity=False), max_size=200), strategies.integers(2, 40))
def test_the_least_and_the_most_of_each_interval_are_kept(values: list[float], most: int) -> None:
    found = thinned_positions(np.array(values, dtype=float), most)
    assert found.tolist() == (list(range(len(values))) if len(values) <= most else by_hand(values, most))
    assert len(found) <= max(most, len(values) if len(values) <= most else 0)


def test_a_curve_of_2000_points_is_kept_whole_and_a_longer_one_keeps_its_peaks() -> None:
    values = np.zeros(10_000)
    values[4321], values[8765] = 9.0, -9.0
    assert len(thinned_positions(values[:2000])) == 2000
    kept = thinned_positions(values)
    assert len(kept) <= 2000
    assert {4321, 8765} <= set(kept.tolist())


@pytest.mark.parametrize("n", [1, 2001, 5000])
def test_nothing_is_left_out_where_all_is_wanted(n: int) -> None:
    assert thinned_positions(np.zeros(n), None).tolist() == list(range(n))
