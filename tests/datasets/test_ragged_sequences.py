"""Sequences of several lengths: filled up, with weights of 0 behind their ends."""

from __future__ import annotations

import numpy as np
import pytest

import bpframe as bp
from bpframe.datasets import pad_sequences
from bpframe.errors import DataError, ShapeError


def test_each_sequence_stands_first_and_weights_say_where_it_ends():
    x, weight = pad_sequences([[3, 1], [], [2, 5, 4]], value=-1)
    assert x.tolist() == [[3, 1, -1], [-1, -1, -1], [2, 5, 4]]
    assert weight.tolist() == [[1, 1, 0], [0, 0, 0], [1, 1, 1]]
    assert (x.dtype.kind, weight.dtype) == ("i", np.float32)


def test_steps_may_have_axes_and_a_length_of_their_own():
    x, weight = pad_sequences([np.ones((2, 3)), np.full((1, 3), 2.5)], length=4)
    assert x.shape == (2, 4, 3)
    assert x[:, :, 0].tolist() == [[1, 1, 0, 0], [2.5, 0, 0, 0]]
    assert weight.sum(axis=1).tolist() == [2, 1]


@pytest.mark.parametrize(
    ("sequences", "length", "error", "message"),
    [
        ([], None, DataError, "at least one sequence"),
        ([[1, 2], [1, 2, 3]], 2, ShapeError, "at most 2 steps, got 3 at number 1"),
        ([np.ones((2, 3)), np.ones((2, 4))], None, ShapeError, r"one shape, \(3,\), got shape \(2, 4\) at number 1"),
        ([[1], 2], None, ShapeError, r"got shape \(\) at number 1"),
        ([[1], ["a"]], None, DataError, "needs numbers, got <U1 at number 1"),
    ],
)
def test_what_cannot_be_filled_up_is_named(sequences, length, error, message):
    with pytest.raises(error, match=message):
        pad_sequences(sequences, length)


def test_rows_that_differ_in_length_are_refused_with_the_remedy():
    trainer = bp.Trainer(bp.Network([bp.layers.gru(3), bp.layers.dense(2)]), "softmax_cross_entropy")
    with pytest.raises(ShapeError, match=r"rows of one length.*pad_sequences"):
        trainer.fit([np.ones((3, 2)), np.ones((4, 2))], [0, 1])


def test_padding_changes_nothing_that_a_recurrent_network_with_a_mask_learns():
    rng = np.random.default_rng(0)
    rows = [rng.normal(size=(length, 2)) for length in rng.integers(2, 6, 30)]
    tags = [(row[:, 0] > 0).astype(int) for row in rows]
    found = []
    for length in (5, 9):
        (x, weight), (y, _) = pad_sequences(rows, length), pad_sequences(tags, length)
        layers = [bp.layers.gru(4, sequences=True, mask_value=0.0), bp.layers.dense(2)]
        trainer = bp.Trainer(bp.Network(layers), "softmax_cross_entropy", dtype="float64", seed=1)
        trainer.fit(x, y, sample_weight=weight, epochs=3)
        found.append(trainer.scores(x)[:, :5])
    np.testing.assert_allclose(*found, rtol=1e-10)
