"""Packed curves are what they were, to five digits, and each is there once."""

from __future__ import annotations

import base64
import math
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies

from bpframe.report.packed_curves import PackedCurves, pack

FLOATS = strategies.floats(min_value=-1e30, max_value=1e30).filter(lambda value: value == 0 or abs(value) > 1e-30)


def unpack(packed: dict[str, Any]) -> tuple[list[int], list[float]]:
    """(positions, values), byte by byte."""
    content = base64.b64decode(packed["y"])
    values = [struct.unpack("<f", b"\0" + content[i : i + 3])[0] for i in range(0, len(content), 3)]
    if "x" not in packed:
        return list(range(len(values))), values
    steps, size, at, positions = base64.b64decode(packed["x"]), packed["b"], 0, []
    for i in range(0, len(steps), size):
        at += int.from_bytes(steps[i : i + size], "little")
        positions.append(at)
    return positions, values


@given(strategies.lists(FLOATS, min_size=1, max_size=50), strategies.integers(0, 70_000))
def test_values_come_back_to_five_digits_and_positions_exactly(values: list[float], step: int) -> None:
    at = np.arange(len(values)) * step + np.arange(len(values))
    positions, found = unpack(pack(at, np.array(values)))
    assert positions == at.tolist()
    assert found == pytest.approx(values, rel=2e-5)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e39])
def test_what_no_curve_can_show_is_a_gap(value: float) -> None:
    assert not math.isfinite(unpack(pack(np.arange(1), np.array([value])))[1][0])


def test_what_was_not_measured_is_apart_from_what_is_too_large() -> None:
    _, found = unpack(pack(np.arange(4), np.array([math.nan, math.inf, -math.inf, 1e39])))
    assert [str(value) for value in found] == ["nan", "inf", "-inf", "inf"]


def test_a_curve_that_two_runs_share_is_there_once() -> None:
    curves = PackedCurves()
    rate = np.full(5000, 0.001)
    assert [curves.add(rate), curves.add(rate + 0), curves.add(rate * 2)] == [0, 0, 1]
    assert len(curves.curves) == 2
    assert curves.longest == 5000
