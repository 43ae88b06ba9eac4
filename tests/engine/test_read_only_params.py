"""What layers predict with: read-only views that are kept, and show every change all the same."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import bpframe as bp
from bpframe.engine.numpy.read_only_params import ReadOnlyParams
from bpframe.network.chunks import in_chunks

X = np.random.default_rng(0).normal(size=(300, 5))


def fitted(*layers, epochs=2):
    network = bp.Network([*layers, bp.layers.dense(2)])
    trainer = bp.Trainer(network, "softmax_cross_entropy", "adam", dtype="float64")
    trainer.fit(X, np.arange(300) % 2, epochs=epochs)
    return trainer


def test_views_are_kept_while_a_layer_has_the_same_arrays():
    params = {"a": {"weight": np.ones(3)}, "b": {"buffers": {"mean": np.ones(2)}}}
    shown = ReadOnlyParams()
    one, two = shown.of(params), shown.of(params)
    assert one["a"]["weight"] is two["a"]["weight"]
    assert not one["a"]["weight"].flags.writeable
    params["a"]["weight"][0] = 5
    assert two["a"]["weight"][0] == 5
    params["b"]["buffers"]["mean"] = np.zeros(2)  # as a step replaces it
    assert shown.of(params)["b"]["buffers"]["mean"].tolist() == [0, 0]
    params["a"] = {"weight": np.zeros(1)}
    assert shown.of(params)["a"]["weight"].tolist() == [0]


@pytest.mark.parametrize("layer", [bp.layers.dense(4, activation="relu"), bp.layers.batch_norm()])
def test_predictions_follow_every_step_and_every_value_that_is_set(layer):
    trainer = fitted(layer)
    before = trainer.predict(X)
    trainer.fit(X, np.arange(300) % 2, epochs=1)
    again = fitted(layer, epochs=2)
    again.fit(X, np.arange(300) % 2, epochs=1)  # which has predicted nothing in between
    assert not np.array_equal(trainer.predict(X), before)
    np.testing.assert_array_equal(trainer.predict(X), again.predict(X))
    trainer.parameters.replace({name: np.zeros_like(value) for name, value in trainer.parameters.copy().items()})
    np.testing.assert_array_equal(trainer.predict(X), np.full((300, 2), 0.5))


def test_eight_threads_predict_the_bytes_of_one():
    trainer = fitted(bp.layers.dense(4, activation="relu"), bp.layers.batch_norm())
    shares = np.array_split(np.tile(X, (20, 1)), 40)
    alone = [trainer.predict(share).tobytes() for share in shares]
    with ThreadPoolExecutor(8) as pool:
        assert [each.tobytes() for each in pool.map(trainer.predict, shares)] == alone


@pytest.mark.parametrize("size", [1, 7, 299, 300, 1000])
def test_chunks_give_what_all_rows_at_once_give_in_an_array_of_its_own(size):
    for function in (lambda rows: rows, lambda rows: rows[:, ::-1], lambda rows: 2 * rows):
        result = in_chunks(function, X, size)
        np.testing.assert_array_equal(result, function(X))
        assert not np.may_share_memory(result, X)
