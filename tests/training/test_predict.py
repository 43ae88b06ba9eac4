"""Scores, predictions, labels and evaluation agree with each other and with the forward pass."""

from __future__ import annotations

import math

import numpy as np
import pytest

import bpframe as bp
from tests.training.problems import LABELS, NAMES, WEIGHT, XV, X, Y, classifier, linear, regressor, same

# predicting


def test_scores_predictions_labels_and_evaluation_agree_with_each_other():
    trainer = classifier()
    trainer.fit(X, LABELS, epochs=30)
    scores, probabilities = trainer.scores(X), trainer.predict(X)
    e = np.exp(scores)
    np.testing.assert_allclose(probabilities, e / e.sum(axis=1, keepdims=True), rtol=1e-12)
    np.testing.assert_array_equal(trainer.predict_labels(X), scores.argmax(axis=1))
    log_loss = -sum(math.log(row[label]) for row, label in zip(probabilities.tolist(), LABELS, strict=True)) / 23
    evaluated = trainer.evaluate(X, LABELS)
    assert evaluated["loss"] == pytest.approx(log_loss, rel=1e-12)
    assert evaluated["accuracy"] == np.mean(trainer.predict_labels(X) == LABELS)


def test_scores_are_the_forward_pass_written_out():
    trainer = regressor()
    trainer.fit(X, Y, epochs=2)
    p = trainer.parameters
    hidden = np.tanh(X @ p["dense_1/weight"] + p["dense_1/bias"])
    expected = hidden @ p["dense_2/weight"] + p["dense_2/bias"]
    np.testing.assert_allclose(trainer.scores(X), expected, rtol=1e-12)
    np.testing.assert_array_equal(trainer.predict(X), trainer.scores(X))


def test_a_row_on_its_own_is_predicted_as_among_others():
    trainer = classifier()
    trainer.fit(X, LABELS, epochs=5)
    many = trainer.predict(X)
    for i in range(23):
        one = trainer.predict(X[i : i + 1])
        assert one.shape == (1, 3)
        np.testing.assert_allclose(one[0], many[i], rtol=1e-12)


def test_predicting_changes_nothing():
    trainer = classifier()
    trainer.fit(X, LABELS, epochs=2)
    before, history = trainer.parameters.copy(), repr(trainer.history)
    first = trainer.predict(XV)
    trainer.evaluate(X, LABELS)
    trainer.predict_labels(X)
    np.testing.assert_array_equal(trainer.predict(XV), first)
    assert repr(trainer.history) == history
    assert all(np.array_equal(trainer.parameters[name], array) for name, array in before.items())


@pytest.mark.parametrize(
    "y",
    [
        LABELS,
        LABELS.astype(np.int8),
        LABELS.astype(np.uint16),
        LABELS * 10 - 5,
        NAMES[LABELS],
        NAMES[LABELS].astype(object),
        NAMES[LABELS][:, None],
        LABELS[:, None],
    ],
    ids=["int64", "int8", "uint16", "any whole numbers", "text", "objects", "a column of text", "a column"],
)
def test_labels_come_back_as_they_were_given(y):
    trainer = classifier(optimizer={"name": "adam", "lr": 0.05}, dtype="float32")
    trainer.fit(X, y, epochs=100)
    found = trainer.predict_labels(X)
    assert found.shape == (23,)
    assert found.dtype.kind == ("U" if y.dtype.kind == "O" else y.dtype.kind)
    if y.dtype.kind in "iu":
        assert found.dtype == y.dtype
    assert np.mean(found == np.ravel(y)) > 0.9
    assert trainer.evaluate(X, y)["accuracy"] == pytest.approx(np.mean(found == np.ravel(y)))


@pytest.mark.parametrize("loss", ["softmax_cross_entropy", "sigmoid_cross_entropy"])
@pytest.mark.parametrize(
    "y", [X[:, 0] > 0, np.where(X[:, 0] > 0, "yes", "no"), np.where(X[:, 0] > 0, 1, -1)], ids=["bool", "text", "signs"]
)
def test_two_classes_come_back_through_two_scores_and_through_one(loss, y):
    outputs = 1 if loss == "sigmoid_cross_entropy" else 2
    trainer = regressor([bp.layers.dense(outputs)], loss=loss, optimizer={"name": "adam", "lr": 0.1})
    trainer.fit(X, y, epochs=100)
    found = trainer.predict_labels(X)
    assert found.dtype == y.dtype
    assert np.mean(found == y) > 0.95
    assert trainer.predict(X).shape == (23, outputs)


def test_several_labels_a_row_come_back_as_zeros_and_ones():
    y = (X[:, :3] > 0).astype(int)
    trainer = classifier(loss="sigmoid_cross_entropy", optimizer={"name": "adam", "lr": 0.1})
    trainer.fit(X, y, epochs=100)
    found = trainer.predict_labels(X)
    assert found.shape == (23, 3)
    assert np.mean((found == y).all(axis=1)) == trainer.evaluate(X, y)["accuracy"] > 0.8


def test_one_column_of_targets_may_be_flat():
    one, two = linear(), linear()
    one, two = (regressor([bp.layers.dense(1)]) for _ in range(2))
    one.fit(X, Y[:, 0], epochs=3)
    two.fit(X, Y[:, :1], epochs=3)
    assert same(one, two)
    assert one.evaluate(X, Y[:, 0]) == two.evaluate(X, Y[:, :1])


# numbers of the run


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "nesterov", "adam"])
def test_parameters_scores_and_predictions_have_the_dtype_of_the_run(dtype, optimizer):
    trainer = classifier(dtype=dtype, optimizer=optimizer, regularizers=["l2"])
    trainer.fit(X, LABELS, epochs=2, sample_weight=WEIGHT)
    assert {array.dtype for array in trainer.parameters.values()} == {np.dtype(dtype)}
    assert trainer.scores(X).dtype == trainer.predict(X).dtype == np.dtype(dtype)


def test_float32_follows_float64_to_its_own_precision():
    wide, narrow = classifier(), classifier(dtype="float32")
    for trainer in (wide, narrow):
        trainer.fit(X, LABELS, epochs=5)
    np.testing.assert_allclose(narrow.predict(X), wide.predict(X), rtol=1e-4)
    np.testing.assert_allclose(narrow.history.train["loss"], wide.history.train["loss"], rtol=1e-5)


def test_float32_is_the_default():
    trainer = bp.Trainer(bp.Network([bp.layers.dense(2)]), loss="mse")
    trainer.fit(X, Y, epochs=1)
    assert trainer.parameters["dense_1/weight"].dtype == np.float32
