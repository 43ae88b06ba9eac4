"""Curves for a notebook: where the points stand, and names as text."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from xml.etree import ElementTree

import pytest

from bpframe.curve_svg import BOTTOM, HEIGHT, LEFT, MOST_POINTS, RIGHT, TOP, WIDTH, curves_svg
from bpframe.training.history import History


def points(svg: str) -> list[list[tuple[float, float]]]:
    """The points of each line."""
    lines = re.findall(r'<polyline points="([^"]*)"', svg)
    return [[(float(x), float(y)) for x, y in (pair.split(",") for pair in line.split())] for line in lines]


def test_a_curve_goes_from_corner_to_corner_and_both_share_a_scale() -> None:
    first, second = points(curves_svg({"a": [0.0, 1.0, 2.0], "b": [1.0, 1.0, 1.0]}, "loss"))
    assert first[0] == (LEFT, HEIGHT - BOTTOM)
    assert first[-1] == (WIDTH - RIGHT, TOP)
    middle = (TOP + HEIGHT - BOTTOM) / 2
    assert [y for _, y in second] == [middle] * 3
    assert first[1] == (pytest.approx((LEFT + WIDTH - RIGHT) / 2), middle)


def test_decades_are_of_equal_height() -> None:
    svg = curves_svg({"a": [1.0, 0.1, 0.01]}, "loss")
    ((_, top), (_, between), (_, bottom)) = points(svg)[0]
    assert between - top == pytest.approx(bottom - between, abs=0.11)
    assert "logarithmic" in svg


@pytest.mark.parametrize("curve", [[], [1.0], [math.nan] * 3, [math.inf, 1.0]])
def test_nothing_is_drawn_of_less_than_two_values(curve: Sequence[float]) -> None:
    assert curves_svg({"a": curve}, "loss") == ""


def test_a_long_curve_keeps_its_peaks_in_few_points() -> None:
    curve = [0.0] * 20_000
    curve[7777] = 5.0
    (line,) = points(curves_svg({"a": curve}, "loss"))
    assert len(line) <= MOST_POINTS
    assert min(y for _, y in line) == TOP


def test_names_are_text() -> None:
    svg = curves_svg({"<b>&": [1.0, 2.0]}, '"<i>')
    texts = [element.text for element in ElementTree.fromstring(svg).iter() if element.text]
    assert "<b>&" in texts
    assert '"<i>' in texts


def test_a_history_shows_its_losses_above_its_table() -> None:
    history = History()
    assert history._repr_html_().startswith("<table>")
    for i in range(3):
        history.append({"loss": 3.0 - i, "accuracy": 0.5}, {"loss": 2.0}, 0.1, i + 1, 0.1)
    html = history._repr_html_()
    assert html.startswith("<svg")
    assert len(points(html)) == 2
