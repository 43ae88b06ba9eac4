"""Each kind of component has its documented effect on a fit, given by name, as a mapping or as an object."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from sklearn.base import ClassifierMixin

import bpframe as bp
from bpframe.engine.numpy.session import NumpyEngine
from bpframe.errors import ConfigError
from tests.training.problems import LABELS, XV, YV, Halve, X, Y, close, linear, regressor, same, start_of


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
    if optimizer == "swa":
        spec["start"] = 100
    if optimizer == "muon":
        spec["matrices"] = "all"  # there are no hidden ones
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
        regressor(constraints=[{"name": "max_norm", "limit": {"name": "constant", "initial": 1.0}}])


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
