"""Evaluation in chunks: the widest layer decides how many rows go at a time, and cuts change no number."""

from __future__ import annotations

import numpy as np
import pytest

from bpframe.network.chunks import NUMBERS, chunk_rows, in_chunks
from bpframe.ops.thread_team import current_team, thread_team


@pytest.mark.parametrize(
    ("row", "shapes", "rows"),
    [
        ((1,), [], NUMBERS),
        ((NUMBERS * 2,), [], 1),
        ((NUMBERS // 2,), [(2, 3)], 2),
        ((4, 8), [(2, 3)], NUMBERS // 32),
        ((2,), [(1024, 4)], NUMBERS // 4),
        ((2,), [(2, 64), (64, 3)], NUMBERS // 64),
        ((2,), [(4096,)], NUMBERS // 2),
    ],
)
def test_the_widest_row_of_inputs_or_of_a_layer_decides_how_many_rows_go_at_a_time(row, shapes, rows):
    params = {f"layer_{k}": {"weight": np.zeros(shape)} for k, shape in enumerate(shapes)}
    assert chunk_rows(row, params) == rows


@pytest.mark.parametrize("size", [1, 3, 7, 100])
def test_rows_in_chunks_are_all_rows_once_in_their_order(size):
    x, seen = np.arange(20.0).reshape(10, 2), []

    def scores(rows):
        seen.append(len(rows))
        return rows * 2

    np.testing.assert_array_equal(in_chunks(scores, x, size), x * 2)
    assert max(seen) <= size


@pytest.mark.parametrize("size", [1, 3, 7])
def test_a_team_takes_chunks_and_shares_nothing_within_them(size):
    x, teams = np.arange(20.0).reshape(10, 2), []

    def scores(rows):
        teams.append(current_team())
        return rows * 2

    with thread_team(2, least=0):
        np.testing.assert_array_equal(in_chunks(scores, x, size), x * 2)
        assert current_team() is not None
    assert teams == [None] * -(-10 // size)


def test_an_error_of_a_chunk_reaches_the_caller():
    def scores(rows):
        if rows[0, 0] == 12:
            raise ValueError("rows 6 and on")
        return rows

    for size in (1, 2):
        with thread_team(size), pytest.raises(ValueError, match="rows 6"):
            in_chunks(scores, np.arange(20.0).reshape(10, 2), 3)
