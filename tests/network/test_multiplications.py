"""Multiplications of layers, beside the numbers that the formulas of the layers give."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import bpframe as bp
from bpframe.network.multiplications import multiplications

L = bp.layers
STEPS, N, M = 7, 3, 6


@pytest.mark.parametrize(
    ("layer", "shape", "want"),
    [
        (L.dense(10, "relu"), (20,), 20 * 10),
        (L.dense(10), (5, 20), 5 * 20 * 10),
        (L.conv2d(8, 3), (10, 10, 4), 64 * 8 * 9 * 4),
        (L.conv2d(8, 3, 2, groups=2, bias=False), (11, 11, 4), 25 * 8 * 9 * 2),
        (L.conv2d(4, 3, groups=4), (10, 10, 4), 64 * 4 * 9),
        (L.separable_conv2d(8, 3), (10, 10, 4), 64 * 4 * 9 + 64 * 4 * 8),
        (L.conv_transpose2d(8, 2, 2), (5, 5, 4), 25 * 4 * 8 * 4),
        (L.residual([L.conv1d(4, 3, padding="same"), L.conv1d(4, 3, padding="same")]), (6, 4), 2 * 6 * 3 * 16),
        (L.bidirectional(L.rnn(M)), (STEPS, N), 2 * STEPS * (N * M + M * M)),
        (L.gru(M), (STEPS, N), STEPS * (3 * (N * M + M * M) + 2 * M)),
        (L.lstm(M), (STEPS, N), STEPS * (4 * (N * M + M * M) + 3 * M)),
        (L.embedding(10, 4), (5,), 0),
        (L.max_pool2d(), (6, 6, 4), 0),
        (L.batch_norm(), (6,), 2 * 6),
    ],
    ids=repr,
)
def test_a_layer_makes_as_many_as_its_formula_has(layer: Any, shape: tuple[int, ...], want: int) -> None:
    params, _ = layer.init(np.random.default_rng(0), shape)
    assert multiplications(layer, params, shape) == want


def test_the_summary_shows_them_where_they_are_asked_for():
    network = bp.Network([L.conv2d(4), "flatten", L.dense(10)], inputs=(6, 6, 1))
    lines = str(network.summary(multiplications=True)).splitlines()
    assert lines[0].split()[-1] == "multiplications"
    cells = [line.split()[-1] for line in lines if line.split()[0] in ("conv2d_1", "flatten_1", "dense_1", "total")]
    assert cells == ["576", "0", "640", "1,216"]
    assert "multiplications" not in network.summary()


class Opaque:
    """y = x, in arrays of another library."""

    def init(self, rng: Any, in_shape: Any) -> Any:
        return {}, in_shape

    def forward(self, params: Any, x: Any, context: Any) -> Any:
        raise TypeError("takes no arrays of NumPy")

    def backward(self, params: Any, cache: Any, dy: Any, context: Any) -> Any:
        return dy, {}


def test_a_layer_that_cannot_be_counted_has_a_question_mark():
    table = str(bp.Network([Opaque(), L.dense(2)], inputs=3).summary(multiplications=True))
    assert [line.split()[-1] for line in table.splitlines()[-3:]] == ["?", "6", "?"]
