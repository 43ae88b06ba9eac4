"""Losses of ordered classes: C scores between C + 1 classes, and a class number as target.

Shapes: x (60, 1), y (60,) of four classes that rise with x, scores (N, 3), target (N, 1).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import bpframe as bp
from bpframe.cli.predictions import render_predictions
from bpframe.errors import CheckFailed, ConfigError, DataError, ShapeError
from bpframe.sklearn import MLPClassifier
from bpframe.testing import check_loss
from bpframe.testing.suite import all_checks

X = np.linspace(-2, 2, 60)[:, None]
NUMBERS = np.digitize(X[:, 0], [-1.1, 0.1, 0.9])
GRADES = ("poor", "fair", "good", "excellent")  # which are not in alphabetical order
LABELS = np.array(GRADES)[NUMBERS]


@dataclass(frozen=True)
class Corn:
    """loss = -sum_k [y >= k] log P(y > k | y >= k) and its opposite, k = 0 ... C - 1; delta = [y >= k] (p_k - [y > k]).

    Source: Shi, Cao and Raschka (2021), Deep neural networks for rank-consistent ordinal regression, equation 4.
    """

    order: tuple[str, ...] | None = None
    link = "sigmoid"

    def classes(self, outputs: int) -> int:
        return outputs + 1

    def target_labels(self, target: Any) -> Any:
        return np.asarray(target[:, 0], np.int64)

    def value_and_delta(self, scores: Any, target: Any) -> Any:
        k = np.arange(scores.shape[1])
        asked, yes = (target >= k).astype(scores.dtype), (target > k).astype(scores.dtype)
        p = 1 / (1 + np.exp(-np.clip(scores, -80, 80)))
        tail = np.log1p(np.exp(-np.abs(scores)))
        return np.sum(asked * (np.maximum(scores, 0) - yes * scores + tail), axis=1), asked * (p - yes)

    def predict(self, scores: Any) -> Any:
        p = np.cumprod(1 / (1 + np.exp(-np.clip(scores, -80, 80))), axis=1)
        return np.sum(p > 0.5, axis=1)

    def example(self, rng: Any) -> Any:
        return rng.normal(size=(5, 3)), rng.integers(0, 4, size=(5, 1)).astype(np.float64)


class Older:
    """Corn before there was a way to say so: it encodes class numbers itself."""

    link = "sigmoid"
    value_and_delta, predict, example = Corn.value_and_delta, Corn.predict, Corn.example

    def target_width(self, outputs: int) -> int:
        return 1

    def encode_target(self, y: Any, learned: Any) -> Any:
        return y.reshape(-1, 1).astype(np.float64)


def trainer(loss: Any, outputs: int = 3, **settings: Any) -> Any:
    layers = [bp.layers.dense(outputs)]
    return bp.Trainer(bp.Network(layers), loss, {"name": "adam", "lr": 0.1}, dtype="float64", **settings)


@pytest.mark.parametrize("loss", [Corn(), Older()])
def test_accuracy_is_the_share_of_rows_whose_class_is_right(loss):
    made = trainer(loss)
    history = made.fit(X, NUMBERS, epochs=60, validation=(X, NUMBERS))
    right = float(np.mean(made.predict_labels(X) == NUMBERS))
    assert right > 0.8
    assert made.evaluate(X, NUMBERS)["accuracy"] == pytest.approx(right)
    assert history.validation["accuracy"][-1] == pytest.approx(right)


@pytest.mark.parametrize(
    ("loss", "y", "known"),
    [
        (Corn(), NUMBERS, [0, 1, 2, 3]),
        (Corn(), NUMBERS + 5, [5, 6, 7, 8]),
        (Corn(order=GRADES), LABELS, list(GRADES)),
        (Corn(), np.array(["1 poor", "2 fair", "3 good", "4 excellent"])[NUMBERS], ["1 poor", "2 fair", "3 good"]),
    ],
)
def test_labels_of_any_kind_become_class_numbers_in_their_order_and_come_back(loss, y, known, tmp_path):
    made = trainer(loss)
    made.fit(X, y, epochs=40)
    assert list(made.task.learned["classes"])[: len(known)] == known
    labels = made.predict_labels(X)
    assert set(labels) <= set(y)
    assert np.mean(labels == y) == made.evaluate(X, y)["accuracy"] > 0.7


def test_class_numbers_do_not_depend_on_how_labels_are_written():
    one, two = trainer(Corn()), trainer(Corn(order=GRADES))
    one.fit(X, NUMBERS, epochs=3)
    two.fit(X, LABELS, epochs=3)
    np.testing.assert_array_equal(one.parameters["dense_1/weight"], two.parameters["dense_1/weight"])
    np.testing.assert_array_equal(np.array(GRADES)[one.predict_labels(X)], two.predict_labels(X))


def test_fewer_classes_than_there_could_be_are_predicted_as_the_last_of_them():
    made = trainer(Corn(), outputs=5)
    made.fit(X, np.where(NUMBERS > 1, "b", "a"), epochs=1)
    made.parameters["dense_1/bias"] = np.full(5, 50.0)
    assert set(made.predict_labels(X)) == {"b"}


def test_labels_that_do_not_fit_are_named():
    with pytest.raises(ShapeError, match="room for 3 classes, but y has 4"):
        trainer(Corn(), outputs=2).fit(X, LABELS, epochs=1)
    with pytest.raises(ShapeError, match=r"tell 3 classes apart, but order is \['poor', .*List each label once"):
        trainer(Corn(order=GRADES), outputs=2).fit(X, LABELS, epochs=1)
    with pytest.raises(DataError, match=r"labels that the model does not know: \['awful'\]"):
        trainer(Corn(order=GRADES)).fit(X, np.where(NUMBERS == 1, "awful", LABELS), epochs=1)


def test_the_balanced_sampler_sees_classes():
    made = trainer(Corn(), sampler="balanced")
    made.fit(X, np.minimum(NUMBERS, 2), epochs=1, batch_size=1)
    counts = np.bincount(np.minimum(NUMBERS, 2))
    assert made.session.step == 3 * counts.max() > len(X)


def test_class_weights_go_by_label():
    made = trainer(Corn(order=GRADES))
    made.fit(X, LABELS, epochs=1, class_weight={"poor": 2.0, "excellent": 0.5})
    trainer(Corn()).fit(X, NUMBERS, epochs=1, class_weight="balanced")


def test_the_kit_checks_ordered_classes_and_says_what_an_older_loss_lacks():
    check_loss(Corn())
    all_checks("loss", Corn(order=GRADES))["class targets"]()
    with pytest.raises(CheckFailed, match=r"must lie in 0 \.\. 2.*A loss of more classes than scores has `classes`"):
        all_checks("loss", Older())["predicted labels"]()


@pytest.mark.parametrize("shift", [1, -1])
def test_the_kit_finds_class_numbers_that_are_off_by_one(shift):
    class Off(Corn):
        def target_labels(self, target: Any) -> Any:
            return np.asarray(target[:, 0], np.int64) + shift

    with pytest.raises(CheckFailed, match="class numbers of encoded labels"):
        all_checks("loss", Off())["class targets"]()


def test_an_estimator_finds_the_number_of_scores_and_scores_by_class():
    model = MLPClassifier(hidden_layer_sizes=(), loss=Corn(), max_iter=60, learning_rate_init=0.1, random_state=0)
    with pytest.warns(UserWarning, match="Maximum iterations"):
        model.fit(X, NUMBERS + 3)
    assert model.n_outputs_ == 3
    assert set(model.predict(X)) <= {3, 4, 5, 6}
    assert model.score(X, NUMBERS + 3) == np.mean(model.predict(X) == NUMBERS + 3) > 0.8
    assert not hasattr(model, "predict_proba")
    with pytest.raises(ConfigError, match="Corn has an order of labels, but an estimator sorts them"):
        MLPClassifier(loss=Corn(order=GRADES)).fit(X, LABELS)


def test_predictions_on_file_have_a_column_for_each_score():
    made = trainer(Corn(order=GRADES))
    made.fit(X, LABELS, epochs=1)
    text = render_predictions(made, X[:2], ".csv").decode().splitlines()
    assert text[0] == "label,probability_0,probability_1,probability_2"
    assert text[1].split(",")[0] in GRADES
