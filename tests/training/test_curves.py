"""Curves, metrics and history of a fit are those of a plain loop over the same batches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import bpframe as bp
from tests.training.problems import (
    LABELS,
    WEIGHT,
    XV,
    YV,
    Parameters,
    X,
    Y,
    classifier,
    close,
    linear,
    regressor,
    start_of,
)


@dataclass
class Epoch:
    """What the plain loop below has seen: weighted means over the epoch's batches."""

    loss: float
    objective: float
    mae: float


def plain_epochs(
    p: Parameters, epochs: int, size: int, lr: float, strength: float = 0.0, weight: Any = None, by_batch: bool = False
) -> Iterator[Epoch]:
    """Linear least squares by gradient descent in the order of the rows; p {"w", "b"} is changed in place."""
    weight = np.ones(len(X)) if weight is None else weight
    overall = sum(weight) / len(weight)
    for _ in range(epochs):
        loss = penalty = mae = 0.0
        for start in range(0, len(X), size):
            x, y, w = X[start : start + size], Y[start : start + size], weight[start : start + size]
            residual = x @ p["w"] + p["b"] - y
            total = w.sum() if by_batch else len(x) * overall
            penalty += total * strength / 2 * (p["w"] ** 2).sum()
            dw, db = np.zeros_like(p["w"]), np.zeros_like(p["b"])
            for i in range(len(x)):
                loss += w[i] * (residual[i] ** 2).sum() / 2
                mae += w[i] * np.abs(residual[i]).mean()
                dw += w[i] * np.outer(x[i], residual[i])
                db += w[i] * residual[i]
            p["w"] -= lr * (dw / (total or 1.0) + strength * p["w"])
            p["b"] -= lr * db / (total or 1.0)
        total = weight.sum()
        yield Epoch(loss / total, (loss + penalty) / total, mae / total)


@pytest.mark.parametrize("size", [1, 5, 8, 23, 100])
@pytest.mark.parametrize(
    ("weight", "by_batch"), [(None, False), (WEIGHT, False), (WEIGHT, True)], ids=["plain", "weighted", "by batch"]
)
def test_train_curves_are_weighted_means_over_the_batches_as_they_were_met(size, weight, by_batch):
    trainer = linear(metrics=["mae"], regularizers=[{"name": "l2", "strength": 0.3}], weights_by_batch=by_batch)
    p = start_of(trainer)
    history = trainer.fit(X, Y, epochs=4, batch_size=size, shuffle=False, sample_weight=weight)
    epochs = list(plain_epochs(p, 4, size, 0.1, 0.3, weight, by_batch))
    np.testing.assert_allclose(history.train["loss"], [epoch.loss for epoch in epochs], rtol=1e-11)
    np.testing.assert_allclose(history.train["objective"], [epoch.objective for epoch in epochs], rtol=1e-11)
    np.testing.assert_allclose(history.train["mae"], [epoch.mae for epoch in epochs], rtol=1e-11)
    np.testing.assert_allclose(trainer.parameters["dense_1/weight"], p["w"], rtol=1e-11)
    np.testing.assert_allclose(trainer.parameters["dense_1/bias"], p["b"], rtol=1e-11)


def test_without_penalties_the_objective_is_the_loss():
    history = regressor().fit(X, Y, epochs=2)
    assert history.train["objective"] == history.train["loss"]


def test_the_penalty_of_l2_is_half_its_strength_times_the_sum_of_squared_weights_and_spares_biases():
    network = bp.Network([bp.layers.dense(3, bias_initializer=bp.initializers.constant(5.0)), bp.layers.dense(2)])
    trainer = bp.Trainer(network, loss="mse", dtype="float64", regularizers=[bp.regularizers.l2(strength=0.5)])
    trainer.trace(X, Y)
    squares = sum(
        number**2
        for label in ("dense_1", "dense_2")
        for row in trainer.parameters[f"{label}/weight"].tolist()
        for number in row
    )
    train = trainer.fit(X, Y, epochs=1, batch_size=23).train
    assert train["objective"][0] - train["loss"][0] == pytest.approx(0.25 * squares, rel=1e-10)


def test_penalties_of_several_regularizers_add_up():
    one = regressor(regularizers=[{"name": "l2", "strength": 0.4}])
    two = regressor(regularizers=[{"name": "l2", "strength": 0.1}, {"name": "l2", "strength": 0.3}])
    for trainer in (one, two):
        trainer.fit(X, Y, epochs=3)
    close(one, two)
    np.testing.assert_allclose(one.history.train["objective"], two.history.train["objective"], rtol=1e-12)


def test_validation_is_measured_at_the_end_of_the_epoch_as_evaluate_does():
    trainer = regressor()
    for epoch in range(3):
        trainer.fit(X, Y, epochs=1, validation=(XV, YV))
        for name, value in trainer.evaluate(XV, YV).items():
            assert trainer.history.validation[name][epoch] == value


@dataclass(frozen=True)
class Shaky:
    """Doubles its input in training and leaves it alone in evaluation."""

    def init(self, rng: Any, in_shape: Any) -> Any:
        return {}, in_shape

    def forward(self, params: Any, x: Any, context: Any) -> Any:
        factor = 2.0 if context.training else 1.0
        return x * factor, factor

    def backward(self, params: Any, cache: Any, dy: Any, context: Any) -> Any:
        return dy * cache, {}


def test_train_curves_are_in_training_mode_and_all_else_in_evaluation_mode():
    frozen = {"name": "sgd", "lr": 0.0}
    shaky = regressor([Shaky(), bp.layers.dense(2)], optimizer=frozen)
    history = shaky.fit(X, Y, epochs=1, batch_size=23, validation=(X, Y))
    plain = regressor([Shaky(), bp.layers.dense(2)], optimizer=frozen)
    assert history.train["loss"][0] == pytest.approx(plain.fit(X, Y, epochs=1).train["loss"][0], rel=1e-12)
    w, b = shaky.parameters["dense_1/weight"], shaky.parameters["dense_1/bias"]
    doubled, as_is = 2 * X @ w + b, X @ w + b
    assert history.train["loss"][0] == pytest.approx(((doubled - Y) ** 2).sum(axis=1).mean() / 2, rel=1e-12)
    assert history.train["mae"][0] == pytest.approx(np.abs(doubled - Y).mean(), rel=1e-12)
    assert history.validation["loss"][0] == pytest.approx(((as_is - Y) ** 2).sum(axis=1).mean() / 2, rel=1e-12)
    np.testing.assert_allclose(shaky.predict(X), as_is, rtol=1e-12)
    assert shaky.trace(X, Y).loss == pytest.approx(history.validation["loss"][0], rel=1e-12)


def test_without_validation_data_its_curves_exist_and_are_empty():
    history = classifier().fit(X, LABELS, epochs=2)
    assert history.validation == {"loss": [], "accuracy": []}
    assert len(history.train["loss"]) == len(history.train["accuracy"]) == 2


@pytest.mark.parametrize(
    ("loss", "y", "names"),
    [
        ("softmax_cross_entropy", LABELS, ["accuracy"]),
        ("softmax_cross_entropy", np.eye(3)[LABELS], ["accuracy"]),
        ("sigmoid_cross_entropy", np.eye(3)[LABELS], ["accuracy"]),
        ("mse", np.eye(3)[LABELS], ["r2", "mae"]),
        ("huber", np.eye(3)[LABELS], ["r2", "mae"]),
    ],
)
def test_metrics_left_out_are_accuracy_for_classes_and_r2_and_mae_otherwise(loss, y, names):
    trainer = classifier(loss=loss)
    history = trainer.fit(X, y, epochs=1, validation=(X, y))
    assert list(trainer.evaluate(X, y)) == ["loss", *names]
    assert set(history.validation) == {"loss", *names}
    assert set(history.train) == {"loss", "objective", *names}


def test_cross_entropy_on_probabilities_measures_accuracy_whether_targets_are_labels_or_one_hot():
    layers = [bp.layers.dense(3, activation="softmax")]
    for y in (LABELS, np.eye(3)[LABELS]):
        assert set(regressor(layers, loss="cross_entropy").fit(X, y, epochs=1).train) == {
            "loss",
            "objective",
            "accuracy",
        }


def test_metrics_may_be_named_and_none_is_none():
    assert set(regressor(metrics=[]).fit(X, Y, epochs=1).train) == {"loss", "objective"}
    named = regressor(metrics=["mae", {"name": "r2"}, bp.metrics.mae()])
    assert list(named.fit(X, Y, epochs=1).train) == ["loss", "objective", "mae", "r2"]
    several = classifier(metrics=["accuracy", {"name": "f1", "average": "macro"}, {"name": "f1", "average": "micro"}])
    names = ["f1(average='macro')", "f1(average='micro')"]
    assert list(several.fit(X, LABELS, epochs=1).train) == ["loss", "objective", "accuracy", *names]


def test_metrics_of_the_training_rows_are_those_of_other_formulas():
    from sklearn.metrics import accuracy_score, mean_absolute_error, r2_score

    trainer = regressor(optimizer={"name": "sgd", "lr": 0.0})
    train = trainer.fit(X, Y, epochs=1, batch_size=7, sample_weight=WEIGHT).train
    assert train["r2"][0] == pytest.approx(r2_score(Y, trainer.predict(X), sample_weight=WEIGHT), rel=1e-10)
    assert train["mae"][0] == pytest.approx(mean_absolute_error(Y, trainer.predict(X), sample_weight=WEIGHT), rel=1e-10)
    classes = classifier(optimizer={"name": "sgd", "lr": 0.0})
    train = classes.fit(X, LABELS, epochs=1, batch_size=7, sample_weight=WEIGHT).train
    expected = accuracy_score(LABELS, classes.predict_labels(X), sample_weight=WEIGHT)
    assert train["accuracy"][0] == pytest.approx(expected, rel=1e-12)


def test_history_counts_steps_seconds_and_learning_rates():
    history = regressor().fit(X, Y, epochs=3, batch_size=5)
    assert history.step == [5, 10, 15]
    assert history.lr == [0.1] * 3
    assert len(history) == 3
    assert all(seconds > 0 for seconds in history.seconds)


def test_fit_hands_back_the_trainers_own_history():
    trainer = regressor()
    assert trainer.fit(X, Y, epochs=1) is trainer.history
