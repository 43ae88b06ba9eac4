"""Data that cannot be used are an error that names the place and changes nothing."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_matrix

import bpframe as bp
from bpframe.errors import (
    ConfigError,
    DataError,
    ShapeError,
)
from tests.data.bad_data import BAD, LABELS, TEXT, X, Y, classes, put, quantities, same


def state(trainer: Any) -> tuple[Any, ...]:
    """All of a fitted trainer that an error must leave alone."""
    parameters = {name: array.tobytes() for name, array in trainer.parameters.items()}
    return parameters, dict(trainer.task.learned), copy.deepcopy(trainer.history), trainer.network.summary()


@pytest.mark.parametrize("name", BAD)
def test_a_first_fit_on_bad_input_is_an_error_and_leaves_a_trainer_that_fits_as_if_nothing_had_been(name):
    make, x, y, settings, error, message = BAD[name]
    trainer, fresh = make(), make()
    with pytest.raises(error, match=message):
        trainer.fit(x, y, **settings)
    assert len(trainer.history) == 0
    assert trainer.task.learned == {}
    with pytest.raises(ConfigError, match="no parameters yet"):
        trainer.parameters.copy()
    good = good_target(fresh)
    for one in (trainer, fresh):
        one.fit(X[:, :2], good, epochs=2, batch_size=5)  # another width than that of the failed fit
    assert same(trainer, fresh)
    assert trainer.network.summary() == fresh.network.summary()


def good_target(trainer: Any) -> Any:
    outputs = trainer.network.layers[-1][1].units
    if trainer.loss.link == "softmax":
        return LABELS
    if trainer.loss.link == "sigmoid":
        return np.eye(3)[LABELS][:, :outputs]
    return Y[:, :outputs]


@pytest.mark.parametrize("name", BAD)
def test_a_second_fit_on_bad_input_is_an_error_and_leaves_the_trainer_as_it_was(name):
    make, x, y, settings, error, message = BAD[name]
    trainer, undisturbed = make(), make()
    if trainer.task.classes:  # whose labels the first fit has settled
        error = DataError if issubclass(error, DataError) else error
        message = "y has labels that the model does not know|y needs labels like those of the first fit|" + message
    good = good_target(trainer)
    for one in (trainer, undisturbed):
        one.fit(X, good, epochs=2, batch_size=5)
    before = state(trainer)
    with pytest.raises(error, match=message):
        trainer.fit(x, y, **settings)
    assert state(trainer) == before
    for one in (trainer, undisturbed):
        one.fit(X, good, epochs=1, batch_size=5)
    assert same(trainer, undisturbed)
    assert trainer.history.train == undisturbed.history.train


def test_the_check_of_an_untouched_trainer_notices_a_touched_one():
    trainer = quantities()
    trainer.fit(X, Y, epochs=1)
    before = state(trainer)
    trainer.parameters["dense_1/bias"] = trainer.parameters["dense_1/bias"] + 1e-15
    assert state(trainer) != before


ROWS: dict[str, tuple[Any, type[Exception], str]] = {
    "another width": (X[:, :2], ShapeError, r"x needs rows of shape \(3,\), as in the first fit, got \(2,\)"),
    "one axis": (X[0], ShapeError, r"x needs rows and columns, got shape \(3,\)"),
    "no rows": (X[:0], DataError, "x needs at least one row"),
    "NaN": (put(X, np.nan, 2, 1), DataError, "nan at row 2, column 1"),
    "text": (np.array([["a", "b", "c"]]), DataError, "x needs numbers"),
    "sparse": (csr_matrix(X), DataError, "x needs a dense array"),
}


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize("method", ["predict", "scores", "predict_labels"])
def test_rows_to_predict_are_checked_as_those_to_fit(name, method):
    x, error, message = ROWS[name]
    trainer = classes()
    trainer.fit(X, TEXT, epochs=1)
    before = state(trainer)
    with pytest.raises(error, match=message):
        getattr(trainer, method)(x)
    assert state(trainer) == before


@pytest.mark.parametrize("method", ["evaluate", "trace"])
def test_data_to_evaluate_or_trace_are_checked_as_those_to_fit(method):
    trainer = classes()
    trainer.fit(X, TEXT, epochs=1)
    before = state(trainer)
    for x, error, message in ROWS.values():
        with pytest.raises(error, match=message):
            getattr(trainer, method)(x, TEXT)
    with pytest.raises(ShapeError, match=r"x has 12 rows, y has shape \(3,\)"):
        getattr(trainer, method)(X, TEXT[:3])
    with pytest.raises(DataError, match=r"does not know: \['eel'\], first at row 0. It knows \['ant', 'bee', 'cat'\]"):
        getattr(trainer, method)(X[:1], ["eel"])
    with pytest.raises(DataError, match=r"y needs labels like those of the first fit \(\['ant'"):
        getattr(trainer, method)(X, LABELS)
    with pytest.raises(DataError, match="sample_weight needs numbers of at least 0"):
        getattr(trainer, method)(X, TEXT, sample_weight=-np.ones(12))
    assert state(trainer) == before


@pytest.mark.parametrize(
    "call",
    [
        lambda t: t.predict(X),
        lambda t: t.scores(X),
        lambda t: t.predict_labels(X),
        lambda t: t.evaluate(X, Y),
        lambda t: t.parameters,
        lambda t: t.save("never.safetensors"),
    ],
    ids=["predict", "scores", "predict_labels", "evaluate", "parameters", "save"],
)
def test_what_needs_parameters_says_so_before_the_first_fit(call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"no parameters yet. Call fit first, or give Network\(..., inputs=...\)"):
        call(quantities())
    assert list(tmp_path.iterdir()) == []


def test_a_model_of_quantities_predicts_no_labels():
    trainer = quantities()
    trainer.fit(X, Y, epochs=1)
    with pytest.raises(DataError, match=r"needs a model of classes, but Mse predicts quantities\. Use predict"):
        trainer.predict_labels(X)


def test_a_wrong_width_names_the_layer_that_meets_it():
    network = bp.Network([bp.layers.dense(3, label="first"), Reshaped(), bp.layers.reshape([2]), bp.layers.dense(2)])
    with pytest.raises(ShapeError, match=r"layer 3 \('reshape_1'\): reshape needs .*'reshaped_1', gives \(3, 1\)"):
        bp.Trainer(network, loss="mse").fit(X, Y)


def test_scores_of_positions_are_refused_for_targets_of_rows():
    told = r"of the scores, shape \(12, 3\) .* still have the axes \(3,\)\. .* put flatten, or global_avg_pool, before"
    with pytest.raises(ShapeError, match=told):
        bp.Trainer(bp.Network([Reshaped()]), loss="mse").fit(X, Y)


class Reshaped:
    """Rows (n,) as (n, 1)."""

    def init(self, rng: Any, in_shape: Any) -> Any:
        return {}, (*in_shape, 1)

    def forward(self, params: Any, x: Any, context: Any) -> Any:
        return x[..., None], None

    def backward(self, params: Any, cache: Any, dy: Any, context: Any) -> Any:
        return dy[..., 0], {}
