"""A fit is determined by seed, rows and weights, and a second one continues the first."""

from __future__ import annotations

import math

import numpy as np
import pytest

import bpframe as bp
from tests.training.problems import LABELS, WEIGHT, XV, YV, X, Y, classifier, close, linear, regressor, same, start_of

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


@pytest.mark.parametrize(("by_batch", "lr"), [(True, 0.1), (False, 0.2)])
def test_a_batch_without_weight_makes_a_step_that_moves_nothing(by_batch, lr):
    weight = np.ones(6)
    weight[:3] = 0  # so that the mean weight is 1/2, by which the other batch's gradient is divided
    trainer, half = linear(weights_by_batch=by_batch), linear(optimizer={"name": "sgd", "lr": lr})
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
