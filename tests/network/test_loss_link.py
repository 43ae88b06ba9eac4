"""The long way (an activation at the end, a loss on what it gives) and the fused one (a loss on scores) agree.

Sizes: 6 rows of 3 numbers, 5 hidden units, C classes.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import bpframe as bp
from bpframe.errors import ConfigError
from tests.scalar_network import Part, forward, mean_loss, slope

X = np.random.default_rng(11).normal(size=(6, 3))
LABELS = np.array([0, 1, 2, 1, 0, 2])
WEIGHTS = (None, [1.0, 0.5, 2.0, 3.0, 0.25, 1.0])


def ending(kind: str, activation: str, units: int) -> list[Any]:
    """Layers that end in an activation: that of a dense layer, or a layer of its own."""
    start = bp.layers.dense(5, activation="tanh", label="first")
    if kind == "dense":
        return [start, bp.layers.dense(units, activation=activation, label="last")]
    return [start, bp.layers.dense(units, label="last"), {"name": "activation", "activation": activation}]


def trainer(layers: list[Any], loss: Any, **settings: Any) -> Any:
    return bp.Trainer(bp.Network(layers), loss=loss, **{"dtype": "float64", "seed": 4, **settings})


def gradients(made: Any, x: Any, y: Any, weight: Any = None) -> dict[str, Any]:
    """{"first": (dw, db), "last": (dw, db)}."""
    layers = {record.name: record for record in made.trace(x, y, sample_weight=weight).layers}
    return {name: (layers[name].dw, layers[name].db) for name in ("first", "last")}


def same_gradients(one: dict[str, Any], two: dict[str, Any], rtol: float = 1e-10) -> None:
    for name, arrays in one.items():
        for a, b in zip(arrays, two[name], strict=True):
            np.testing.assert_allclose(a, b, rtol=rtol, atol=1e-14)


FUSED = [bp.layers.dense(5, activation="tanh", label="first"), bp.layers.dense(3, label="last")]


@pytest.mark.parametrize("weight", WEIGHTS, ids=["plain", "weighted"])
@pytest.mark.parametrize("kind", ["dense", "layer"])
def test_softmax_then_cross_entropy_gives_the_gradients_of_softmax_cross_entropy(kind, weight):
    long = trainer(ending(kind, "softmax", 3), "cross_entropy")
    short = trainer(FUSED, "softmax_cross_entropy")
    same_gradients(gradients(long, X, LABELS, weight), gradients(short, X, LABELS, weight))
    assert long.trace(X, LABELS, weight).loss == pytest.approx(short.trace(X, LABELS, weight).loss, rel=1e-12)


@pytest.mark.parametrize("weight", WEIGHTS, ids=["plain", "weighted"])
@pytest.mark.parametrize("kind", ["dense", "layer"])
@pytest.mark.parametrize("units", [1, 3])
def test_sigmoid_then_binary_cross_entropy_gives_the_gradients_of_sigmoid_cross_entropy(kind, weight, units):
    y = np.array(["no", "yes", "yes", "no", "yes", "no"]) if units == 1 else np.eye(3)[LABELS]
    long = trainer(ending(kind, "sigmoid", units), "binary_cross_entropy")
    short = trainer([FUSED[0], bp.layers.dense(units, label="last")], "sigmoid_cross_entropy")
    same_gradients(gradients(long, X, y, weight), gradients(short, X, y, weight))
    assert long.trace(X, y, weight).loss == pytest.approx(short.trace(X, y, weight).loss, rel=1e-12)


def test_both_ways_of_yes_and_no_train_to_the_same_parameters_and_labels():
    y = np.array(["no", "yes", "yes", "no", "yes", "no"])
    long = trainer(ending("dense", "sigmoid", 1), "binary_cross_entropy", optimizer={"name": "sgd", "lr": 0.5})
    short = trainer(ending("dense", "identity", 1), "sigmoid_cross_entropy", optimizer={"name": "sgd", "lr": 0.5})
    for made in (long, short):
        made.fit(X, y, epochs=20, batch_size=4)
    for name, array in short.parameters.items():
        np.testing.assert_allclose(long.parameters[name], array, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(long.predict(X), short.predict(X), rtol=1e-10)
    np.testing.assert_array_equal(long.predict_labels(X), short.predict_labels(X))
    assert long.history.train["accuracy"] == short.history.train["accuracy"]


def test_both_ways_agree_on_soft_labels():
    y = np.random.default_rng(3).dirichlet([1.0, 2.0, 0.5], size=6)
    long, short = trainer(ending("dense", "softmax", 3), "cross_entropy"), trainer(FUSED, "softmax_cross_entropy")
    same_gradients(gradients(long, X, y), gradients(short, X, y))


@pytest.mark.parametrize("kind", ["dense", "layer"])
def test_both_ways_train_to_the_same_parameters_predictions_and_labels(kind):
    long = trainer(ending(kind, "softmax", 3), "cross_entropy", optimizer={"name": "sgd", "lr": 0.5})
    short = trainer(FUSED, "softmax_cross_entropy", optimizer={"name": "sgd", "lr": 0.5})
    for made in (long, short):
        made.fit(X, np.array(["red", "green", "blue"])[LABELS], epochs=20, batch_size=4)
    for name, array in short.parameters.items():
        np.testing.assert_allclose(long.parameters[name], array, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(long.predict(X), short.predict(X), rtol=1e-10)
    np.testing.assert_array_equal(long.predict_labels(X), short.predict_labels(X))
    np.testing.assert_allclose(long.history.train["loss"], short.history.train["loss"], rtol=1e-10)
    assert long.history.train["accuracy"] == short.history.train["accuracy"]


def test_the_comparison_of_the_two_ways_notices_another_loss():
    long, other = trainer(ending("dense", "softmax", 3), "cross_entropy"), trainer(ending("dense", "softmax", 3), "mse")
    with pytest.raises(AssertionError):
        same_gradients(gradients(long, X, LABELS), gradients(other, X, np.eye(3)[LABELS]))


@pytest.mark.parametrize("weight", WEIGHTS, ids=["plain", "weighted"])
@pytest.mark.parametrize("kind", ["dense", "layer"])
@pytest.mark.parametrize("activation", ["softmax", "sigmoid", "tanh"])
def test_an_activation_then_mse_has_the_slopes_of_its_difference_quotients(activation, kind, weight):
    y = np.random.default_rng(8).uniform(size=(6, 3))
    made = trainer(ending(kind, activation, 3), "mse")
    found = gradients(made, X, y, weight)
    last = (
        [Part("last", "dense", activation)]
        if kind == "dense"
        else [Part("last", "dense"), Part("activation_1", "activation", activation)]
    )
    parts = [Part("first", "dense", "tanh"), *last]
    start = made.parameters.copy()

    def loss(name: str, index: tuple[int, ...], h: float) -> float:
        moved = {key: array.copy() for key, array in start.items()}
        moved[name][index] += h
        v = forward(parts, {key: array.tolist() for key, array in moved.items()}, X.tolist())[-1].v
        return mean_loss("mse", v, y.tolist(), weight or [1.0] * 6)

    for label, arrays in found.items():
        for name, array in zip(("weight", "bias"), arrays, strict=True):
            key = f"{label}/{name}"
            expected = [slope(lambda h, key=key, i=i: loss(key, i, h)) for i in np.ndindex(array.shape)]
            np.testing.assert_allclose(array.ravel(), expected, rtol=1e-8, atol=1e-11)


def test_softmax_hands_back_the_product_with_its_whole_jacobian():
    record = trainer(ending("dense", "softmax", 3), "mse").trace(X, np.eye(3)[LABELS]).layers[-1]
    for v, y, delta in zip(record.v, np.eye(3)[LABELS], record.delta, strict=True):
        jacobian = [[v[i] * ((i == j) - v[j]) for j in range(3)] for i in range(3)]
        dv = [(v[i] - y[i]) / 6 for i in range(3)]
        expected = [math.fsum(dv[i] * jacobian[i][j] for i in range(3)) for j in range(3)]
        np.testing.assert_allclose(delta, expected, rtol=1e-12, atol=1e-16)
        assert abs(math.fsum(delta)) < 1e-15  # all scores raised alike change nothing


# twice the same activation


@pytest.mark.parametrize("kind", ["dense", "layer"])
@pytest.mark.parametrize(
    ("activation", "loss", "outputs"),
    [("softmax", "softmax_cross_entropy", 3), ("sigmoid", "sigmoid_cross_entropy", 1)],
)
def test_a_network_that_ends_in_its_losss_own_link_is_refused_with_both_remedies(kind, activation, loss, outputs):
    layers = ending(kind, activation, outputs)
    label = "last" if kind == "dense" else "activation_1"
    with pytest.raises(ConfigError) as caught:
        trainer(layers, loss)
    message = str(caught.value)
    assert f"ends in {activation} (layer '{label}')" in message
    assert f"the loss {loss} applies {activation}" in message
    assert f"Leave the activation of '{label}' out" in message
    assert "mse" in message
    assert ("cross_entropy for probabilities" in message) or activation != "softmax"


@pytest.mark.parametrize("spec", ["softmax", {"name": "softmax"}, bp.activations.softmax()], ids=str)
def test_the_double_link_is_found_however_the_activation_was_given(spec):
    with pytest.raises(ConfigError, match="that would be twice"):
        trainer([bp.layers.dense(3, activation=spec)], bp.losses.softmax_cross_entropy())
    with pytest.raises(ConfigError, match="that would be twice"):
        trainer([{"name": "dense", "units": 3, "activation": spec}], {"name": "softmax_cross_entropy"})


@pytest.mark.parametrize(
    ("activation", "loss", "y"),
    [
        ("relu", "softmax_cross_entropy", LABELS),
        ("tanh", "softmax_cross_entropy", LABELS),
        ("sigmoid", "softmax_cross_entropy", LABELS),
        ("softmax", "cross_entropy", LABELS),
        ("sigmoid", "binary_cross_entropy", np.eye(3)[LABELS]),
        ("tanh", "hinge", np.eye(3)[LABELS]),
        ("tanh", "crammer_singer", LABELS),
        ("softplus", "msle", np.eye(3)[LABELS]),
        ("softmax", "sigmoid_cross_entropy", np.eye(3)[LABELS]),
        ("tanh", "sigmoid_cross_entropy", np.eye(3)[LABELS]),
        ("identity", "mse", np.eye(3)[LABELS]),
        ("relu", "huber", np.eye(3)[LABELS]),
    ],
)
@pytest.mark.parametrize("kind", ["dense", "layer"])
def test_every_other_ending_trains(kind, activation, loss, y):
    made = trainer(ending(kind, activation, 3), loss, optimizer={"name": "sgd", "lr": 0.1})
    losses = made.fit(X, y, epochs=30, batch_size=6).train["loss"]
    assert losses[-1] < losses[0]


def test_softmax_inside_the_network_is_no_double_link():
    made = trainer([bp.layers.dense(4, activation="softmax"), bp.layers.dense(3)], "softmax_cross_entropy")
    assert made.fit(X, LABELS, epochs=1).train["loss"][0] > 0
