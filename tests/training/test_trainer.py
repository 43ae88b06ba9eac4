"""The Trainer as a user sees it: what each public name means, against plain loops and scikit-learn.

Sizes: 23 rows of 4 numbers, 3 classes or 2 quantities, unless a test says otherwise.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest
from sklearn.base import ClassifierMixin

import bpframe as bp
from bpframe import tree
from bpframe.engine.numpy.session import NumpyEngine
from bpframe.errors import CheckpointError, ConfigError, ShapeError
from bpframe.network.backprop import CostLayer
from bpframe.registry import registry
from bpframe.training.update_groups import trained_parameters, update_groups
from tests.trainer_spec import spec_of

DRAWS = np.random.default_rng(42)
X = DRAWS.normal(size=(23, 4))
LABELS = np.argmax(X[:, :3] + 0.3 * DRAWS.normal(size=(23, 3)), axis=1)
Y = X @ DRAWS.normal(size=(4, 2)) + 0.1 * DRAWS.normal(size=(23, 2))
XV = DRAWS.normal(size=(9, 4))
YV = DRAWS.normal(size=(9, 2))
WEIGHT = DRAWS.integers(0, 4, 23).astype(float)

Parameters = dict[str, Any]


def classifier(**settings: Any) -> Any:
    network = bp.Network([bp.layers.dense(6, activation="tanh"), bp.layers.dense(3)])
    defaults = {"loss": "softmax_cross_entropy", "optimizer": {"name": "sgd", "lr": 0.2}, "dtype": "float64", "seed": 1}
    return bp.Trainer(network, **{**defaults, **settings})


def regressor(layers: Any = None, **settings: Any) -> Any:
    network = bp.Network(layers or [bp.layers.dense(6, activation="tanh"), bp.layers.dense(2)])
    defaults = {"loss": "mse", "optimizer": {"name": "sgd", "lr": 0.1}, "dtype": "float64", "seed": 1}
    return bp.Trainer(network, **{**defaults, **settings})


def linear(**settings: Any) -> Any:
    return regressor([bp.layers.dense(2)], **settings)


def same(one: Any, two: Any) -> bool:
    """Whether two trainers hold the same bits."""
    a, b = one.parameters.copy(), two.parameters.copy()
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)


def close(one: Any, two: Any, rtol: float = 1e-12) -> None:
    for name, array in one.parameters.items():
        np.testing.assert_allclose(two.parameters[name], array, rtol=rtol, atol=1e-13)


@dataclass
class Epoch:
    """What the plain loop below has seen: weighted means over the epoch's batches."""

    loss: float
    objective: float
    mae: float


def plain_epochs(
    p: Parameters, epochs: int, size: int, lr: float, strength: float = 0.0, weight: Any = None
) -> Iterator[Epoch]:
    """Linear least squares by gradient descent in the order of the rows; p {"w", "b"} is changed in place."""
    weight = np.ones(len(X)) if weight is None else weight
    for _ in range(epochs):
        loss = penalty = mae = 0.0
        for start in range(0, len(X), size):
            x, y, w = X[start : start + size], Y[start : start + size], weight[start : start + size]
            residual = x @ p["w"] + p["b"] - y
            penalty += w.sum() * strength / 2 * (p["w"] ** 2).sum()
            dw, db = np.zeros_like(p["w"]), np.zeros_like(p["b"])
            for i in range(len(x)):
                loss += w[i] * (residual[i] ** 2).sum() / 2
                mae += w[i] * np.abs(residual[i]).mean()
                dw += w[i] * np.outer(x[i], residual[i])
                db += w[i] * residual[i]
            total = w.sum() or 1.0
            p["w"] -= lr * (dw / total + strength * p["w"])
            p["b"] -= lr * db / total
        total = weight.sum()
        yield Epoch(loss / total, (loss + penalty) / total, mae / total)


def start_of(trainer: Any) -> Parameters:
    """The initial weights of a linear trainer, taken before it learns."""
    twin = linear(seed=trainer.seed)
    twin.trace(X, Y)
    return {"w": twin.parameters["dense_1/weight"].copy(), "b": twin.parameters["dense_1/bias"].copy()}


# what the history says


@pytest.mark.parametrize("size", [1, 5, 8, 23, 100])
@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["plain", "weighted"])
def test_train_curves_are_weighted_means_over_the_batches_as_they_were_met(size, weight):
    trainer = linear(metrics=["mae"], regularizers=[{"name": "l2", "strength": 0.3}])
    p = start_of(trainer)
    history = trainer.fit(X, Y, epochs=4, batch_size=size, shuffle=False, sample_weight=weight)
    epochs = list(plain_epochs(p, 4, size, 0.1, 0.3, weight))
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


# going on, and starting afresh


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "nesterov", "adam"])
@pytest.mark.parametrize("size", [4, 23])
def test_a_second_fit_goes_on_so_that_three_epochs_and_two_are_five(optimizer, size):
    parts, whole = regressor(optimizer=optimizer), regressor(optimizer=optimizer)
    parts.fit(X, Y, epochs=3, batch_size=size)
    parts.fit(X, Y, epochs=2, batch_size=size)
    whole.fit(X, Y, epochs=5, batch_size=size)
    assert same(parts, whole)
    assert parts.history.train == whole.history.train
    assert parts.history.step == whole.history.step
    assert [record["epoch"] for record in parts.history.epochs()] == [1, 2, 3, 4, 5]


def test_a_new_trainer_on_the_same_network_starts_afresh():
    network = bp.Network([bp.layers.dense(6, activation="tanh"), bp.layers.dense(2)])
    first, second = (bp.Trainer(network, loss="mse", dtype="float64") for _ in range(2))
    first.fit(X, Y, epochs=3)
    second.fit(X, Y, epochs=3)
    assert same(first, second)
    assert first.history.train == second.history.train


def test_a_new_trainer_on_the_same_network_may_have_inputs_of_another_width():
    network = bp.Network([bp.layers.dense(2)])
    bp.Trainer(network, loss="mse").fit(X, Y, epochs=1)
    bp.Trainer(network, loss="mse").fit(X[:, :3], Y, epochs=1)


def test_a_second_fit_on_other_data_may_have_another_number_of_rows_and_batch_size():
    trainer = regressor()
    trainer.fit(X, Y, epochs=1, batch_size=5)
    trainer.fit(XV, YV, epochs=2, batch_size=4)
    assert trainer.history.step == [5, 8, 11]


def test_validation_given_to_a_later_fit_only_leaves_earlier_epochs_empty():
    trainer = regressor()
    trainer.fit(X, Y, epochs=2)
    history = trainer.fit(X, Y, epochs=1, validation=(XV, YV))
    assert [math.isnan(value) for value in history.validation["loss"]] == [True, True, False]
    assert [bool(record["validation"]) for record in history.epochs()] == [False, False, True]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_same_seed_gives_the_same_bytes(dtype, tmp_path):
    files = []
    for name in ("one", "two"):
        trainer = classifier(dtype=dtype, optimizer="adam", seed=7)
        trainer.fit(X, LABELS, epochs=3, batch_size=5)
        trainer.save(tmp_path / name)
        files.append((tmp_path / name).read_bytes())
    assert files[0] == files[1]


def test_another_seed_gives_other_weights_and_another_order():
    one, two = linear(seed=1), linear(seed=2)
    for trainer in (one, two):
        trainer.trace(X, Y)
    assert not same(one, two)
    two.parameters.replace(one.parameters.copy())
    for trainer in (one, two):
        trainer.fit(X, Y, epochs=1, batch_size=4)
    assert not same(one, two)


def test_seeds_do_not_depend_on_numpys_global_state():
    one, two = classifier(), classifier()
    np.random.seed(0)
    one.fit(X, LABELS, epochs=2, batch_size=4)
    np.random.seed(1)
    before = np.random.get_state()[1].copy()
    two.fit(X, LABELS, epochs=2, batch_size=4)
    assert same(one, two)
    np.testing.assert_array_equal(np.random.get_state()[1], before)


# order and batches


def test_shuffled_rows_come_in_the_order_of_the_seeds_raw_bits_anew_each_epoch():
    trainer, plain = linear(seed=9), linear(seed=9)
    trainer.fit(X, Y, epochs=2, batch_size=4)
    for epoch in range(2):
        sequence = np.random.SeedSequence(9, spawn_key=(2, epoch))
        order = np.argsort(np.random.PCG64(sequence).random_raw(23), kind="stable")
        plain.fit(X[order], Y[order], epochs=1, batch_size=4, shuffle=False)
    assert same(trainer, plain)


def test_without_shuffling_every_epoch_visits_the_rows_as_they_stand():
    trainer, plain = linear(), linear()
    trainer.fit(X, Y, epochs=3, batch_size=4, shuffle=False)
    for _ in range(3):
        for start in range(0, 23, 4):
            plain.fit(X[start : start + 4], Y[start : start + 4], epochs=1, batch_size=4, shuffle=False)
    assert same(trainer, plain)


def test_a_batch_larger_than_the_data_is_the_data():
    large, whole = regressor(), regressor()
    large.fit(X, Y, epochs=3, batch_size=10**9)
    whole.fit(X, Y, epochs=3, batch_size=23)
    assert same(large, whole)
    assert large.history.step == [1, 2, 3]


def test_a_ragged_last_batch_is_divided_by_its_own_rows():
    trainer = linear()
    p = start_of(trainer)
    trainer.fit(X[:5], Y[:5], epochs=1, batch_size=3, shuffle=False)
    for rows in (slice(0, 3), slice(3, 5)):
        residual = X[rows] @ p["w"] + p["b"] - Y[rows]
        p["w"] = p["w"] - 0.1 * X[rows].T @ residual / len(residual)
        p["b"] = p["b"] - 0.1 * residual.mean(axis=0)
    np.testing.assert_allclose(trainer.parameters["dense_1/weight"], p["w"], rtol=1e-12)
    np.testing.assert_allclose(trainer.parameters["dense_1/bias"], p["b"], rtol=1e-12)


# weights of rows


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_whole_weights_are_repeated_rows(optimizer):
    weighted, repeated = classifier(optimizer=optimizer), classifier(optimizer=optimizer)
    rows = np.repeat(np.arange(23), WEIGHT.astype(int))
    one = weighted.fit(X, LABELS, epochs=10, batch_size=23, shuffle=False, sample_weight=WEIGHT)
    two = repeated.fit(X[rows], LABELS[rows], epochs=10, batch_size=len(rows), shuffle=False)
    close(weighted, repeated)
    for name, curve in one.train.items():
        np.testing.assert_allclose(curve, two.train[name], rtol=1e-12)
    assert weighted.evaluate(X, LABELS, sample_weight=WEIGHT) == pytest.approx(
        repeated.evaluate(X[rows], LABELS[rows]), rel=1e-12
    )


def test_rows_of_weight_zero_contribute_exactly_nothing():
    one, two = classifier(), classifier()
    nothing = WEIGHT == 0
    assert nothing.sum() >= 3
    x, y = X.copy(), LABELS.copy()
    x[nothing] *= -17.0
    y[nothing] = (y[nothing] + 1) % 3
    for trainer, rows, labels in ((one, X, LABELS), (two, x, y)):
        trainer.fit(rows, labels, epochs=3, batch_size=8, sample_weight=WEIGHT)
    assert same(one, two)
    assert one.history.train == two.history.train
    assert one.evaluate(X, LABELS, sample_weight=WEIGHT) == one.evaluate(x, y, sample_weight=WEIGHT)


def test_a_batch_without_weight_makes_a_step_that_moves_nothing():
    weight = np.ones(6)
    weight[:3] = 0
    trainer, half = linear(), linear()
    history = trainer.fit(X[:6], Y[:6], epochs=1, batch_size=3, shuffle=False, sample_weight=weight)
    half.fit(X[3:6], Y[3:6], epochs=1, batch_size=3, shuffle=False)
    assert history.step == [2]
    assert history.train["loss"] == half.history.train["loss"]
    np.testing.assert_allclose(trainer.parameters["dense_1/weight"], half.parameters["dense_1/weight"], rtol=1e-14)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("scale", [2.0**-20, 2.0**13, 2.0**120, 2.0**-160])
def test_weights_scaled_by_a_power_of_two_give_the_same_bits(scale, dtype):
    one, two = classifier(dtype=dtype), classifier(dtype=dtype)
    one.fit(X, LABELS, epochs=3, batch_size=8, sample_weight=WEIGHT)
    two.fit(X, LABELS, epochs=3, batch_size=8, sample_weight=WEIGHT * scale)
    assert same(one, two)


@pytest.mark.parametrize("scale", [0.1, 3.0, 1e300])
def test_weights_scaled_by_any_number_change_nothing(scale):
    one, two = classifier(), classifier()
    one.fit(X, LABELS, epochs=3, batch_size=8, sample_weight=WEIGHT)
    two.fit(X, LABELS, epochs=3, batch_size=8, sample_weight=WEIGHT * scale)
    close(one, two)
    np.testing.assert_allclose(one.history.train["loss"], two.history.train["loss"], rtol=1e-12)


def test_weights_that_are_all_one_are_no_weights():
    one, two = classifier(), classifier()
    one.fit(X, LABELS, epochs=3, batch_size=8)
    two.fit(X, LABELS, epochs=3, batch_size=8, sample_weight=[1] * 23)
    close(one, two)


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


NAMES = np.array(["ant", "bee", "caterpillar"])


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


# parameters


def test_parameters_is_a_mapping_of_layer_and_name_to_arrays():
    trainer = regressor([{"name": "standardize"}, bp.layers.dense(5, label="hidden"), bp.layers.dense(2, bias=False)])
    trainer.fit(X, Y, epochs=1)
    shapes = {name: array.shape for name, array in trainer.parameters.items()}
    assert shapes == {
        "standardize_1/buffers/mean": (4,),
        "standardize_1/buffers/scale": (4,),
        "hidden/weight": (4, 5),
        "hidden/bias": (5,),
        "dense_2/weight": (5, 2),
    }
    assert len(trainer.parameters) == 5
    assert "hidden/bias" in trainer.parameters
    assert "dense_2/bias" not in trainer.parameters
    assert set(trainer.parameters.copy()) == set(shapes)
    assert "hidden/weight: float64 (4, 5)" in repr(trainer.parameters)


def test_reading_a_parameter_gives_a_copy():
    trainer = regressor()
    trainer.fit(X, Y, epochs=1)
    before = trainer.predict(X)
    trainer.parameters["dense_1/weight"][...] = 0
    trainer.parameters.copy()["dense_1/weight"][...] = 0
    np.testing.assert_array_equal(trainer.predict(X), before)


def test_setting_a_parameter_replaces_it_and_copies_what_was_given():
    trainer = linear(optimizer={"name": "sgd", "lr": 0.1})
    trainer.fit(X, Y, epochs=1)
    w = np.arange(8.0).reshape(4, 2)
    trainer.parameters["dense_1/weight"] = w
    trainer.parameters["dense_1/bias"] = [1, 2]
    np.testing.assert_allclose(trainer.predict(X), X @ w + [1, 2], rtol=1e-12)
    w[...] = 0
    assert trainer.parameters["dense_1/weight"].sum() == 28


@dataclass(frozen=True)
class Anchored:
    """Is drawn back to where it began."""

    scope = "element"

    def init(self, p: Any) -> Any:
        return {"start": p.__array_namespace__().asarray(p, copy=True)}

    def update(self, p: Any, g: Any, state: Any, h: Any) -> Any:
        return p - 0.1 * g - 0.2 * (p - state["start"]), state


BEGINNERS = {  # some rules remember where they began
    "sgd": "sgd",
    "rmsprop": "rmsprop",
    "schedule_free_sgd": "schedule_free_sgd",
    "lookahead": {"name": "lookahead", "inner": "sgd"},
    "ema": {"name": "ema", "inner": "sgd"},
    "anchored": Anchored(),
}


@pytest.mark.parametrize("engine", ["numpy", "jax"])
@pytest.mark.parametrize("rule", BEGINNERS)
def test_training_goes_on_from_parameters_that_were_set(engine, rule):
    one, two = (linear(seed=k, optimizer=BEGINNERS[rule], engine=engine) for k in (1, 2))
    for trainer in (one, two):
        trainer.trace(X, Y)
    two.parameters.replace(one.parameters.copy())
    for trainer in (one, two):
        trainer.fit(X, Y, epochs=5, batch_size=23, shuffle=False)
    assert same(one, two)
    for name, array in one.session.snapshot().items():
        np.testing.assert_array_equal(two.session.snapshot()[name], array, name)


@pytest.mark.parametrize("engine", ["numpy", "jax"])
def test_a_rule_remembers_where_it_began_when_parameters_are_set_later(engine):
    trainer = linear(optimizer=Anchored(), engine=engine)
    trainer.trace(X, Y)
    began = trainer.parameters.copy()
    trainer.fit(X, Y, epochs=2, batch_size=23)
    trainer.parameters.replace({name: 2 * array for name, array in began.items()})
    trainer.fit(X, Y, epochs=1, batch_size=len(X))
    starts = [array.ravel() for name, array in trainer.session.snapshot().items() if name.endswith("start")]
    found = np.sort(np.concatenate(starts))
    np.testing.assert_array_equal(found, np.sort(np.concatenate([array.ravel() for array in began.values()])))


@pytest.mark.parametrize("engine", ["numpy", "jax"])
def test_a_hook_may_set_parameters_before_the_first_step_of_a_minimizer(engine):
    class Begin:
        """Starts elsewhere."""

        @bp.hookimpl
        def bpframe_fit_start(self, state: Any) -> None:
            """Zeros."""
            state.parameters.replace({name: 0 * array for name, array in state.parameters.copy().items()})

    trainer = linear(optimizer="lbfgs", engine=engine, callbacks=[Begin()])
    history = trainer.fit(X, Y, epochs=3, batch_size=len(X))
    assert history.train["loss"][0] == pytest.approx(0.5 * (Y**2).sum(axis=-1).mean(), rel=1e-9)
    assert history.train["loss"][2] < history.train["loss"][0]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("engine", ["numpy", "jax"])
def test_a_session_has_arrays_of_its_own_in_its_own_dtype(engine, dtype):
    network = bp.Network([bp.layers.dense(3), bp.layers.batch_norm(), bp.layers.dense(2)])
    params, _ = network.init(0, (4,))
    given = tree.transform(params, lambda leaf: np.array(leaf, dtype))
    rule, loss = bp.optimizers.momentum(), bp.losses.mse()
    groups = update_groups(trained_parameters(given), spec_of(rule))
    session = bp.build("engine", engine).session(network, CostLayer.of(loss), groups, given, dtype, 0)
    before = session.parameters
    for _, leaf in tree.leaves(given):
        leaf[...] = 7
    for name, array in session.parameters.items():
        assert array.dtype == dtype
        np.testing.assert_array_equal(array, before[name])
    session = bp.build("engine", engine).session(network, CostLayer.of(loss), groups, params, dtype, 0)
    assert {array.dtype for array in session.parameters.values()} == {np.dtype(dtype)}


@pytest.mark.parametrize("engine", ["numpy", "jax"])
def test_an_interrupt_in_a_second_fit_goes_back_to_the_end_of_the_first(engine, monkeypatch):
    falling = {"name": "sgd", "lr": {"name": "cosine", "initial": 0.1}}  # over as many steps as the fits have together
    trainer = linear(optimizer=falling, engine=engine, metrics=[])
    trainer.fit(X, Y, epochs=2, batch_size=23)
    ended, session = trainer.session.snapshot(), trainer.session
    whole, calls = session._stepper.refresh if engine == "numpy" else session._blocks.run, []

    def cut(*arguments: Any) -> Any:
        made = whole(*arguments)
        calls.append(1)
        if len(calls) == 1:
            raise KeyboardInterrupt
        return made

    target = (session._stepper, "refresh") if engine == "numpy" else (session._blocks, "run")
    monkeypatch.setattr(*target, cut)
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(X, Y, epochs=3, batch_size=23)
    for name, array in trainer.session.snapshot().items():
        np.testing.assert_array_equal(ended[name], array)


def test_a_replacement_that_does_not_fit_changes_nothing():
    trainer = regressor()
    trainer.fit(X, Y, epochs=1)
    before = trainer.parameters.copy()
    good = {name: array * 2 for name, array in before.items()}
    bad = [
        ({name: array for name, array in good.items() if name != "dense_2/bias"}, ShapeError, "'dense_2/bias'"),
        ({**good, "dense_2/bias": np.zeros(3)}, ShapeError, r"'dense_2/bias' needs shape \(2,\), got \(3,\)"),
        ({**good, "dense_2/bias": [1.0, np.nan]}, bp.errors.DataError, "'dense_2/bias' needs finite numbers.*row 1"),
        ({**good, "dense_9/bias": np.zeros(3)}, KeyError, "no parameter 'dense_9/bias'"),
    ]
    for values, error, message in bad:
        with pytest.raises(error, match=message):
            trainer.parameters.replace(values)
        assert all(np.array_equal(trainer.parameters[name], array) for name, array in before.items())


def test_a_parameter_that_does_not_fit_or_exist_is_an_error_and_none_can_be_deleted():
    trainer = regressor()
    trainer.fit(X, Y, epochs=1)
    with pytest.raises(ShapeError, match=r"'dense_1/weight' needs shape \(4, 6\), got \(6, 4\)"):
        trainer.parameters["dense_1/weight"] = np.zeros((6, 4))
    with pytest.raises(KeyError, match=r"no parameter 'dense_1/wieght'\. Parameters: dense_1/weight"):
        trainer.parameters["dense_1/wieght"]
    with pytest.raises(TypeError, match="cannot be deleted"):
        del trainer.parameters["dense_1/weight"]


def test_known_inputs_give_parameters_before_any_fit():
    network = bp.Network([bp.layers.dense(6, activation="tanh"), bp.layers.dense(2)], inputs=4)
    early = bp.Trainer(network, loss="mse", dtype="float64", seed=1, optimizer={"name": "sgd", "lr": 0.1})
    late = regressor()
    initial = early.parameters.copy()
    assert initial["dense_1/weight"].shape == (4, 6)
    assert early.predict(X).shape == (23, 2)
    early.fit(X, Y, epochs=2)
    late.fit(X, Y, epochs=2)
    assert same(early, late)


def test_the_summary_knows_widths_after_the_first_fit():
    trainer = regressor()
    assert "known after the first fit" in trainer.network.summary()
    trainer.fit(X, Y, epochs=1)
    lines = trainer.network.summary().splitlines()
    assert lines[-1].split() == ["total", "44"]
    assert "known after" not in trainer.network.summary()


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


@pytest.mark.parametrize("engine", ["numpy", {"name": "numpy"}, NumpyEngine()], ids=["name", "mapping", "object"])
def test_the_engine_may_be_a_name_a_mapping_or_an_object(engine):
    plain, chosen = regressor(), regressor(engine=engine)
    for trainer in (plain, chosen):
        trainer.fit(X, Y, epochs=2)
    assert same(plain, chosen)


# components of every kind


@pytest.mark.parametrize("optimizer", bp.names("optimizer"))
def test_every_optimizer_brings_the_loss_down(optimizer):
    known = bp.load("optimizer", optimizer)
    spec = {"name": optimizer, **({"inner": "momentum"} if "inner" in known.__annotations__ else {})}
    if getattr(known, "lr", 1) <= 1e-3:
        spec["lr"] = 0.01  # made for longer trainings
    size = len(X) if getattr(known, "whole_batch", False) else 8
    loss = regressor(optimizer=spec).fit(X, Y, epochs=60, batch_size=size).train["loss"]
    assert loss[-1] < 0.8 * loss[0]


def test_plain_gradient_descent_is_the_default_and_has_two_names():
    network = bp.Network([bp.layers.dense(2)])
    trainers = [
        bp.Trainer(network, loss="mse", **s) for s in ({}, {"optimizer": "sgd"}, {"optimizer": "gradient_descent"})
    ]
    for trainer in trainers:
        trainer.fit(X, Y, epochs=2)
    assert same(trainers[0], trainers[1])
    assert same(trainers[0], trainers[2])


def test_a_component_may_be_a_name_a_mapping_or_an_object():
    given = [
        "adam",
        {"name": "adam"},
        bp.optimizers.adam(),
        bp.build("optimizer", "adam"),
        bp.load("optimizer", "adam")(),
    ]
    trainers = [regressor(optimizer=optimizer) for optimizer in given]
    for trainer in trainers:
        trainer.fit(X, Y, epochs=2)
    assert all(same(trainers[0], trainer) for trainer in trainers[1:])


@dataclass(frozen=True)
class Halve:
    """A gradient step: half the gradient."""

    scope: ClassVar[str] = "element"

    def init(self, p: Any) -> Any:
        return {}

    def transform(self, p: Any, g: Any, state: Any, h: Any) -> Any:
        return g * 0.5, state


@dataclass(frozen=True)
class Ball:
    """A constraint: every number of a weight within +-radius."""

    radius: float = 0.25

    def project(self, p: Any, h: Any) -> Any:
        return p.__array_namespace__().clip(p, -h.radius, h.radius)


@dataclass(frozen=True)
class Backwards:
    """A sampler: the last `rows` rows, from the end."""

    rows: int = 6

    def order(self, rng: Any, target: Any, weight: Any) -> Any:
        return np.arange(len(target))[::-1][: self.rows]


@dataclass(frozen=True)
class SumOfErrors:
    """A metric: the sum of all signed errors."""

    of: ClassVar[str] = "predictions"
    best: ClassVar[str] = "min"

    def value(self, prediction: Any, target: Any, weight: Any) -> float:
        return float((prediction - target).sum())


@dataclass(frozen=True)
class FourthPower:
    """A loss: the sum of fourth powers of the residuals."""

    scale: float = 1.0
    link: ClassVar[str] = "identity"

    def value_and_delta(self, scores: Any, target: Any) -> Any:
        r = scores - target
        return self.scale * (r**4).sum(axis=-1), self.scale * 4 * r**3


@pytest.fixture
def named() -> Iterator[None]:
    """The components above, registered by the program itself, and forgotten again."""
    local, loaded = dict(registry._local), dict(registry._loaded)
    bp.register("gradient_step", "halve", Halve)
    bp.register("constraint", "ball", Ball)
    bp.register("sampler", "backwards", Backwards)
    bp.register("metric", "sum_of_errors", SumOfErrors)
    bp.register("loss", "fourth_power", FourthPower)
    yield
    registry._local, registry._loaded = local, loaded


@pytest.mark.usefixtures("named")
@pytest.mark.parametrize("step", ["halve", Halve()], ids=["name", "object"])
def test_gradient_steps_change_the_gradient_before_the_rule_sees_it(step):
    halved, slow = linear(gradient_steps=[step, step]), linear(optimizer={"name": "sgd", "lr": 0.025})
    for trainer in (halved, slow):
        trainer.fit(X, Y, epochs=3)
    close(halved, slow)


@pytest.mark.usefixtures("named")
def test_gradient_steps_act_on_the_slope_of_the_objective_penalty_included():
    settings = {"regularizers": [{"name": "l2", "strength": 0.5}]}
    halved = linear(gradient_steps=["halve"], **settings)
    slow = linear(optimizer={"name": "sgd", "lr": 0.05}, **settings)
    for trainer in (halved, slow):
        trainer.fit(X, Y, epochs=3)
    close(halved, slow)


@pytest.mark.usefixtures("named")
def test_constraints_hold_after_every_update_and_spare_biases():
    network = bp.Network([bp.layers.dense(2, bias_initializer=bp.initializers.constant(3.0))])
    trainer = bp.Trainer(network, loss="mse", dtype="float64", constraints=[{"name": "ball", "radius": 0.125}])
    trainer.fit(X, Y, epochs=2)
    assert np.abs(trainer.parameters["dense_1/weight"]).max() == 0.125
    assert np.abs(trainer.parameters["dense_1/bias"]).min() > 0.125


@pytest.mark.usefixtures("named")
def test_a_sampler_chooses_the_rows_and_their_order():
    sampled, plain = linear(sampler={"name": "backwards", "rows": 7}), linear()
    sampled.fit(X, Y, epochs=2, batch_size=3)
    plain.fit(X[::-1][:7], Y[::-1][:7], epochs=2, batch_size=3, shuffle=False)
    assert same(sampled, plain)
    assert sampled.history.train == plain.history.train
    assert sampled.history.step == plain.history.step


@pytest.mark.usefixtures("named")
@pytest.mark.parametrize("rows", [[0, 23], [-1], [0.5], [[0, 1]], []], ids=str)
def test_a_sampler_that_gives_no_row_numbers_is_an_error(rows):
    class Odd:
        def order(self, rng: Any, target: Any, weight: Any) -> Any:
            return np.array(rows)

    with pytest.raises(bp.errors.DataError, match="Odd needs to give row numbers from 0 to 22"):
        linear(sampler=Odd()).fit(X, Y, epochs=1)


@pytest.mark.usefixtures("named")
def test_a_registered_loss_and_metric_work_by_name():
    trainer = linear(loss={"name": "fourth_power", "scale": 0.25}, metrics=["sum_of_errors"])
    history = trainer.fit(X, Y, epochs=3, validation=(XV, YV))
    residual = trainer.predict(XV) - YV
    assert history.validation["loss"][-1] == pytest.approx(0.25 * (residual**4).sum(axis=1).mean(), rel=1e-12)
    assert history.validation["sum_of_errors"][-1] == pytest.approx(residual.sum(), rel=1e-10)


# schedules


def cosine(t: int, steps: int, initial: float = 0.1, final: float = 0.0) -> float:
    """Half a cosine from `initial` to `final` over `steps` updates."""
    return final + (initial - final) / 2 * (1 + math.cos(math.pi * min(t, steps) / steps))


def test_a_schedule_sets_the_rate_of_every_step():
    lr = {"name": "step", "initial": 0.2, "every": 7, "factor": 0.5}
    trainer = linear(optimizer={"name": "sgd", "lr": lr})
    p = start_of(trainer)
    history = trainer.fit(X, Y, epochs=4, batch_size=8, shuffle=False)
    for t in range(12):
        rows = slice(8 * (t % 3), 8 * (t % 3) + 8)
        residual = X[rows] @ p["w"] + p["b"] - Y[rows]
        rate = 0.2 * 0.5 ** (t // 7)
        p["w"] = p["w"] - rate * X[rows].T @ residual / len(residual)
        p["b"] = p["b"] - rate * residual.mean(axis=0)
    np.testing.assert_allclose(trainer.parameters["dense_1/weight"], p["w"], rtol=1e-11)
    assert history.lr == [0.2, 0.2, 0.1, 0.1]  # of the latest of the steps 3, 6, 9, 12


@pytest.mark.parametrize("steps", [None, 9])
def test_a_cosine_without_steps_spans_the_whole_run(steps):
    lr = {"name": "cosine", "initial": 0.1, "final": 0.02} | ({"steps": steps} if steps else {})
    history = linear(optimizer={"name": "sgd", "lr": lr}).fit(X, Y, epochs=5, batch_size=8)
    expected = [cosine(3 * epoch + 2, steps or 15, 0.1, 0.02) for epoch in range(5)]
    np.testing.assert_allclose(history.lr, expected, rtol=1e-12)


def test_on_a_second_fit_an_open_cosine_spans_both_to_the_end_of_the_present_one():
    trainer = linear(optimizer={"name": "adam", "lr": bp.schedules.cosine(initial=0.1)})
    trainer.fit(X, Y, epochs=2, batch_size=8)
    history = trainer.fit(X, Y, epochs=3, batch_size=8)
    expected = [cosine(2, 6), cosine(5, 6), cosine(8, 15), cosine(11, 15), cosine(14, 15)]
    np.testing.assert_allclose(history.lr, expected, rtol=1e-12)
    assert trainer.optimizer.lr.steps is None  # the trainer's own setting stays open


def test_a_constant_schedule_is_the_number():
    one, two = (
        linear(optimizer={"name": "adam", "lr": 0.01}),
        linear(optimizer={"name": "adam", "lr": {"name": "constant", "initial": 0.01}}),
    )
    for trainer in (one, two):
        trainer.fit(X, Y, epochs=3)
    assert same(one, two)


def test_the_strength_of_a_penalty_may_follow_a_schedule():
    strength = {"name": "step", "initial": 0.5, "every": 1, "factor": 0.5}
    trainer = linear(optimizer={"name": "sgd", "lr": 0.0}, regularizers=[{"name": "l2", "strength": strength}])
    train = trainer.fit(X, Y, epochs=3, batch_size=23).train
    penalties = np.subtract(train["objective"], train["loss"])
    np.testing.assert_allclose(penalties / penalties[0], [1, 0.5, 0.25], rtol=1e-10)


def test_a_schedule_anywhere_else_is_an_error():
    with pytest.raises(ConfigError, match="schedules stand for settings of optimizers"):
        regressor(loss={"name": "huber", "delta": {"name": "constant", "initial": 1.0}})


# early stopping, from end to end


def test_early_stopping_ends_a_fit_and_puts_the_best_parameters_back():
    noise = np.random.default_rng(1).normal(size=(12, 2))
    stopping = bp.callbacks.early_stopping(monitor="validation.loss", patience=3)
    trainer = regressor(callbacks=[stopping], optimizer={"name": "adam", "lr": 0.1})
    history = trainer.fit(X[:12], noise, epochs=200, validation=(XV, YV))
    curve = history.validation["loss"]
    best = int(np.argmin(curve))
    assert len(history) == best + 1 + 3 < 200
    assert trainer.evaluate(XV, YV)["loss"] == curve[best]
    unstopped = regressor(optimizer={"name": "adam", "lr": 0.1})
    unstopped.fit(X[:12], noise, epochs=best + 1)
    assert same(trainer, unstopped)


# files


def models() -> dict[str, Any]:
    adam = {"name": "adam", "lr": {"name": "cosine", "initial": 0.05}}
    scaled = [{"name": "standardize"}, bp.layers.dense(5, activation={"name": "elu", "alpha": 0.5}, label="hidden")]
    return {
        "classes": (classifier(optimizer=adam), LABELS),
        "text, scaled": (
            regressor([*scaled, bp.layers.dense(3)], loss="softmax_cross_entropy", optimizer="momentum"),
            NAMES[LABELS],
        ),
        "bool, one score": (regressor([bp.layers.dense(1)], loss="sigmoid_cross_entropy"), LABELS == 1),
        "small whole numbers": (classifier(), LABELS.astype(np.uint8)),
        "quantities": (regressor(loss={"name": "huber", "delta": 0.5}, regularizers=["l2"], metrics=["mae"]), Y),
        "float32": (classifier(dtype="float32"), LABELS),
        "the long way": (regressor([*scaled, bp.layers.dense(3, activation="softmax")], loss="cross_entropy"), LABELS),
    }


@pytest.mark.parametrize("name", models())
def test_a_loaded_model_gives_the_same_bits_and_trains_on(name, tmp_path):
    trainer, y = models()[name]
    trainer.fit(X, y, epochs=3)
    trainer.save(tmp_path / "model.safetensors")
    loaded = bp.Trainer.load(str(tmp_path / "model.safetensors"))
    assert same(trainer, loaded)
    np.testing.assert_array_equal(loaded.scores(XV), trainer.scores(XV))
    np.testing.assert_array_equal(loaded.predict(XV), trainer.predict(XV))
    assert loaded.evaluate(X, y) == trainer.evaluate(X, y)
    assert (loaded.dtype, loaded.seed, loaded.network.labels) == (trainer.dtype, trainer.seed, trainer.network.labels)
    assert loaded.network.summary() == trainer.network.summary()
    if trainer.task.classes:
        labels = loaded.predict_labels(XV)
        np.testing.assert_array_equal(labels, trainer.predict_labels(XV))
        assert labels.dtype == trainer.predict_labels(XV).dtype
    before = loaded.parameters.copy()
    history = loaded.fit(X, y, epochs=2)
    assert len(history) == 2
    buffers = [key for key in before if "buffers" in key]
    assert all(np.array_equal(loaded.parameters[key], before[key]) for key in buffers)  # learned once
    assert not same(trainer, loaded)


def test_a_loaded_model_saved_again_is_the_same_file(tmp_path):
    trainer, y = models()["text, scaled"]
    trainer.fit(X, y, epochs=1)
    trainer.save(tmp_path / "one")
    bp.Trainer.load(tmp_path / "one").save(tmp_path / "two")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def manifest_of(path: Any) -> tuple[dict[str, Any], int]:
    """(the JSON of a model file's header, where its tensors begin)."""
    data = path.read_bytes()
    (size,) = struct.unpack("<Q", data[:8])
    return json.loads(data[8 : 8 + size]), 8 + size


def test_a_model_file_is_a_json_header_and_tensors_that_fill_the_rest_so_no_pickle_fits_in(tmp_path):
    from safetensors.numpy import load_file

    trainer, y = models()["text, scaled"]
    trainer.fit(X, y, epochs=1)
    path = tmp_path / "model.safetensors"
    trainer.save(path)
    tensors = load_file(path)
    assert {name: array.tolist() for name, array in tensors.items()} == {
        name: array.tolist() for name, array in trainer.parameters.items()
    }
    header, start = manifest_of(path)
    assert start + sum(array.nbytes for array in tensors.values()) == path.stat().st_size
    text = json.dumps(header)
    assert "bpframe_" not in json.dumps(
        {key: part for key, part in json.loads(header["__metadata__"]["manifest"]).items() if key != "plugins"}
    )
    assert "pickle" not in text


def test_the_manifest_names_every_component_with_its_arguments_and_where_it_came_from(tmp_path):
    trainer, y = models()["text, scaled"]
    trainer.fit(X, y, epochs=1)
    trainer.save(tmp_path / "model")
    found = json.loads(manifest_of(tmp_path / "model")[0]["__metadata__"]["manifest"])
    assert found["network"][1]["activation"] == {"name": "elu", "alpha": 0.5}
    assert [layer["label"] for layer in found["network"]] == ["standardize_1", "hidden", "dense_2"]
    assert found["optimizer"] == {"name": "momentum", "lr": 0.01, "momentum": 0.9, "flavor": "torch"}
    assert found["learned"]["classes"] == ["ant", "bee", "caterpillar"]
    assert found["bpframe"] == bp.__version__
    assert {
        "kind": "activation",
        "name": "bpframe/elu",
        "version": bp.__version__,
        "target": "bpframe_activations.elu:Elu",
    } in found["plugins"]


def test_saving_leaves_the_old_file_alone_when_it_fails(tmp_path):
    trainer, y = models()["classes"]
    trainer.fit(X, y, epochs=1)
    path = tmp_path / "model"
    trainer.save(path)
    before = path.read_bytes()
    nameless = linear(loss=FourthPower())
    nameless.fit(X, Y, epochs=1)
    with pytest.raises(ConfigError, match=r"FourthPower has no name.*bp.register\('loss'"):
        nameless.save(path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["model"]


def test_a_file_that_is_no_model_is_refused(tmp_path):
    from safetensors.numpy import save_file

    (tmp_path / "text").write_text("hello world, this is no model")
    save_file({"a": np.zeros(3)}, tmp_path / "tensors")
    for name in ("text", "tensors", "missing"):
        with pytest.raises(CheckpointError, match=name):
            bp.Trainer.load(tmp_path / name)


@pytest.mark.usefixtures("named")
def test_a_model_of_the_programs_own_components_loads_where_they_are_registered(tmp_path):
    settings = {
        "loss": {"name": "fourth_power", "scale": 0.1},
        "metrics": ["sum_of_errors"],
        "gradient_steps": ["halve"],
        "constraints": [{"name": "ball", "radius": 0.5}],
        "optimizer": {"name": "sgd", "lr": 0.01},
    }
    trainer, twin = linear(**settings), linear(**settings)
    trainer.fit(X, Y, epochs=2)
    trainer.save(tmp_path / "model")
    loaded = bp.Trainer.load(tmp_path / "model")
    assert same(trainer, loaded)
    assert (loaded.loss, loaded.constraints) == (FourthPower(0.1), [Ball(0.5)])
    twin.trace(X, Y)
    twin.parameters.replace(trainer.parameters.copy())
    for other in (loaded, twin):
        other.fit(X, Y, epochs=2)
    assert same(loaded, twin)
    registry._local.clear()
    with pytest.raises(bp.errors.UnknownComponent, match="no loss named 'local/fourth_power'"):
        bp.Trainer.load(tmp_path / "model")


@pytest.mark.usefixtures("named")
def test_a_sampler_is_kept_with_the_model(tmp_path):
    trainer = linear(sampler="backwards")
    trainer.fit(X, Y, epochs=1)
    trainer.save(tmp_path / "model")
    assert bp.Trainer.load(tmp_path / "model").sampler == Backwards()


@pytest.fixture
def foreign_loss(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A distribution "elsewhere" that offers the loss fourth_power; what is imported of it is noted."""
    from bpframe.registry.provider import Provider, installed

    imported: list[str] = []

    def load() -> Any:
        imported.append("fourth_power")
        return FourthPower

    provider = Provider("loss", "fourth_power", "elsewhere", "1.0", f"{__name__}:FourthPower", load=load)
    monkeypatch.setattr(registry, "_discover", lambda: sorted([*installed(), provider]))
    monkeypatch.setattr(registry, "_loaded", dict(registry._loaded))
    monkeypatch.setattr(registry, "_found", None)
    return imported


def saved_foreign(path: Any, loss: Any = "fourth_power") -> None:
    trainer = linear(loss=loss, optimizer={"name": "sgd", "lr": 0.01})
    trainer.fit(X, Y, epochs=1)
    trainer.save(path)


def test_a_model_of_a_third_partys_component_loads_only_where_its_distribution_is_named(tmp_path, foreign_loss):
    saved_foreign(tmp_path / "model")
    registry._loaded.clear()
    foreign_loss.clear()
    with pytest.raises(CheckpointError, match=r"needs plugins of elsewhere. .*plugins=\['elsewhere'\]"):
        bp.Trainer.load(tmp_path / "model")
    assert foreign_loss == []
    assert bp.Trainer.load(tmp_path / "model", plugins=["Elsewhere"]).loss == FourthPower()
    assert foreign_loss == ["fourth_power"]


@pytest.mark.parametrize(
    "loss",
    ["elsewhere/fourth_power", "fourth_power", {"name": "fourth_power"}, {"name": "Elsewhere/fourth_power"}],
    ids=str,
)
def test_a_forged_manifest_cannot_smuggle_a_third_partys_component_in(loss, tmp_path, foreign_loss):
    from bpframe.saving import tensor_file

    saved_foreign(tmp_path / "model")
    tensors, manifest = tensor_file.read_tensors(tmp_path / "model")
    tensor_file.write_tensors(tmp_path / "forged", tensors, {**manifest, "loss": loss})
    registry._loaded.clear()
    foreign_loss.clear()
    with pytest.raises(bp.errors.BpframeError, match="elsewhere"):
        bp.Trainer.load(tmp_path / "forged")
    assert foreign_loss == []


def test_nor_can_a_forged_manifest_as_the_argument_of_a_layer(tmp_path, foreign_loss, monkeypatch):
    from bpframe.registry.provider import Provider, installed
    from bpframe.saving import tensor_file

    def load() -> Any:
        foreign_loss.append("bump")
        return bp.load("activation", "tanh")

    bump = Provider("activation", "bump", "elsewhere", "1.0", "elsewhere:Bump", load=load)
    monkeypatch.setattr(registry, "_discover", lambda: sorted([*installed(), bump]))
    registry.refresh()
    trainer = linear()
    trainer.fit(X, Y, epochs=1)
    trainer.save(tmp_path / "model")
    tensors, manifest = tensor_file.read_tensors(tmp_path / "model")
    manifest["network"][0]["activation"] = "elsewhere/bump"
    tensor_file.write_tensors(tmp_path / "forged", tensors, manifest)
    with pytest.raises(bp.errors.BpframeError, match="elsewhere"):
        bp.Trainer.load(tmp_path / "forged")
    assert foreign_loss == []


def test_a_model_file_of_a_later_schema_is_refused(tmp_path):
    from bpframe.saving import tensor_file

    trainer, y = models()["classes"]
    trainer.fit(X, y, epochs=1)
    trainer.save(tmp_path / "model")
    tensors, manifest = tensor_file.read_tensors(tmp_path / "model")
    tensor_file.write_tensors(tmp_path / "later", tensors, {**manifest, "schema": 99})
    with pytest.raises(CheckpointError, match=r"schema 99, this bpframe reads 1\. Install a newer bpframe"):
        bp.Trainer.load(tmp_path / "later")


@pytest.mark.parametrize(
    "damage",
    [
        {"network": []},
        {"network": "dense"},
        {"network": [{"name": "dense", "units": 5}, {"name": "dense", "units": 3}]},
        {"loss": {"name": "huber", "width": 3}},
        {"optimizer": None},
        {"seed": -1},
        {"dtype": "float16"},
        {"input_shape": [5]},
        {"input_shape": None},
        {"input_shape": "four"},
        {"learned": None},
        {"metrics": "accuracy"},
        {"regularizers": [{"strength": 1.0}]},
    ],
    ids=str,
)
def test_a_manifest_that_does_not_fit_is_a_checkpoint_error(damage, tmp_path):
    from bpframe.saving import tensor_file

    trainer, y = models()["classes"]
    trainer.fit(X, y, epochs=1)
    trainer.save(tmp_path / "model")
    tensors, manifest = tensor_file.read_tensors(tmp_path / "model")
    tensor_file.write_tensors(tmp_path / "damaged", tensors, {**manifest, **damage})
    with pytest.raises(CheckpointError, match="damaged"):
        bp.Trainer.load(tmp_path / "damaged")


def test_a_manifest_that_lacks_a_part_is_a_checkpoint_error(tmp_path):
    from bpframe.saving import tensor_file

    trainer, y = models()["classes"]
    trainer.fit(X, y, epochs=1)
    trainer.save(tmp_path / "model")
    tensors, manifest = tensor_file.read_tensors(tmp_path / "model")
    for part in (
        "network",
        "loss",
        "optimizer",
        "learned",
        "seed",
        "dtype",
        "metrics",
        "input_shape",
        "schema",
        "kind",
    ):
        tensor_file.write_tensors(
            tmp_path / "less", tensors, {key: value for key, value in manifest.items() if key != part}
        )
        with pytest.raises(CheckpointError, match="less"):
            bp.Trainer.load(tmp_path / "less")
    for name in tensors:
        tensor_file.write_tensors(
            tmp_path / "less", {key: array for key, array in tensors.items() if key != name}, manifest
        )
        with pytest.raises(CheckpointError, match=name):
            bp.Trainer.load(tmp_path / "less")


# against scikit-learn


def sklearn_twin(estimator: Any, trainer: Any, y: Any) -> Any:
    """The estimator with the trainer's initial weights, before its first step, that steps by 0.3."""
    trainer.trace(X, y)
    classes = {"classes": np.unique(y)} if isinstance(estimator, ClassifierMixin) else {}
    estimator.partial_fit(X, y, **classes)  # makes its arrays; its rate is 1e-300 as yet
    layers = len(estimator.coefs_)
    for k in range(layers):
        estimator.coefs_[k][...] = trainer.parameters[f"dense_{k + 1}/weight"]
        estimator.intercepts_[k][...] = trainer.parameters[f"dense_{k + 1}/bias"]
    estimator.learning_rate_init = 0.3
    del estimator._optimizer
    estimator.loss_curve_.clear()
    return estimator


SKLEARN = {
    "solver": "sgd",
    "momentum": 0.0,
    "alpha": 0.0,
    "batch_size": 23,
    "shuffle": False,
    "learning_rate_init": 1e-300,
    "hidden_layer_sizes": (6, 5),
    "random_state": 0,
}


@pytest.mark.parametrize(("ours", "theirs"), [("tanh", "tanh"), ("relu", "relu"), ("sigmoid", "logistic")])
@pytest.mark.parametrize("kind", ["classes", "quantity", "quantities"])
def test_full_batch_gradient_descent_follows_scikit_learn(kind, ours, theirs):
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    y = {"classes": LABELS, "quantity": Y[:, 0], "quantities": Y}[kind]
    outputs = {"classes": 3, "quantity": 1, "quantities": 2}[kind]
    layers = [bp.layers.dense(6, activation=ours), bp.layers.dense(5, activation=ours), bp.layers.dense(outputs)]
    loss = "softmax_cross_entropy" if kind == "classes" else "mse"
    trainer = regressor(layers, loss=loss, optimizer={"name": "sgd", "lr": 0.3})
    estimator = (MLPClassifier if kind == "classes" else MLPRegressor)(activation=theirs, **SKLEARN)
    twin = sklearn_twin(estimator, trainer, y)
    history = trainer.fit(X, y, epochs=40, batch_size=23, shuffle=False)
    for _ in range(40):
        twin.partial_fit(X, y)
    mean_over_outputs = 1 if kind == "classes" else outputs  # scikit-learn's reported loss is; its gradient is not
    np.testing.assert_allclose(history.train["loss"], np.multiply(twin.loss_curve_, mean_over_outputs), rtol=1e-10)
    assert history.train["loss"][-1] < history.train["loss"][0]
    for k in range(3):
        np.testing.assert_allclose(trainer.parameters[f"dense_{k + 1}/weight"], twin.coefs_[k], rtol=1e-9, atol=1e-12)
    predicted = twin.predict_proba(X) if kind == "classes" else twin.predict(X).reshape(23, -1)
    np.testing.assert_allclose(trainer.predict(X), predicted, rtol=1e-9)


def test_the_printed_form_names_network_loss_optimizer_and_seed():
    text = repr(regressor(seed=5))
    assert "Dense(units=6" in text
    assert "Mse()" in text
    assert "Sgd(lr=0.1)" in text
    assert "seed=5" in text


def test_the_engine_of_a_loaded_model_is_the_callers_choice_whoever_provides_it(tmp_path, monkeypatch):
    from bpframe.registry.provider import Provider, installed

    trainer = linear()
    trainer.fit(X, Y, epochs=1)
    trainer.save(tmp_path / "model")
    swift = Provider("engine", "swift", "elsewhere", "1.0", "elsewhere:Swift", load=lambda: NumpyEngine)
    monkeypatch.setattr(registry, "_discover", lambda: sorted([*installed(), swift]))
    registry.refresh()
    try:
        loaded = bp.Trainer.load(tmp_path / "model", engine="elsewhere/swift")
    finally:
        monkeypatch.undo()
        registry.refresh()
    assert np.array_equal(loaded.scores(X), trainer.scores(X))
