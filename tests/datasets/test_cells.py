"""Columns of cells: what stays text, so that different labels stay different."""

from __future__ import annotations

import numpy as np
import pytest

from bpframe import datasets
from bpframe.data.sources.cells import parse_cells


@pytest.mark.parametrize(
    "cells",
    [["007", "7"], ["01", "1", "2"], ["12345678901234567890", "12345678901234567891"], ["1_0", "10"], ["00", "0"]],
)
def test_cells_that_numbers_would_make_one_stay_text(cells):
    assert parse_cells(cells).tolist() == cells


@pytest.mark.parametrize(
    ("cells", "want"),
    [
        (["007", "12"], [7, 12]),
        (["1", "2", "1"], [1, 2, 1]),
        (["1.50", "1.5"], [1.5, 1.5]),
        (["1e1", "3"], [10.0, 3.0]),
        (["12345678901234567890", "3"], [12345678901234567890.0, 3.0]),
    ],
)
def test_cells_that_stay_apart_as_numbers_are_numbers(cells, want):
    assert parse_cells(cells).tolist() == want


def test_a_target_with_decimal_commas_is_a_column_of_numbers(tmp_path):
    (tmp_path / "g.csv").write_text("a;t\n0,5;0,25\n1,5;1,25\n")
    x, y = datasets.read(tmp_path / "g.csv", "t")
    np.testing.assert_array_equal(x, [[0.5], [1.5]])
    np.testing.assert_array_equal(y, [0.25, 1.25])
    (tmp_path / "h.csv").write_text("a;t\n0,5;red, dark\n1,5;blue\n")
    assert datasets.read(tmp_path / "h.csv", "t")[1].tolist() == ["red, dark", "blue"]
