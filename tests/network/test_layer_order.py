"""Orders of layers whose gradient the founding series gets wrong: ours is that of the loss, theirs is far off.

Each network trains for one step of sgd with lr 1 on one batch, so its gradient is the way that a parameter went, and
the loss of the step is the history's. A trainer of the same seed draws the same masks: what changes with a parameter
is the loss alone. Sizes: 8 rows of 4 numbers, 6 hidden units, 3 outputs.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import bpframe as bp
from bpframe.random import epoch_key

Array = np.ndarray[Any, Any]
Arrays = dict[str, Array]

SEED, RATE, EPS = 3, 0.5, 1e-5
X = np.random.default_rng(1).normal(size=(8, 4))
Y = np.eye(3)[np.arange(8) % 3]
FIRST, LAST = {"name": "dense", "units": 6, "label": "first"}, {"name": "dense", "units": 3, "label": "last"}


def hidden(activation: str, then: dict[str, Any], form: str) -> list[Any]:
    """A hidden layer, its activation and what follows: the activation as a setting, as a layer, or all held by one."""
    after = {"label": "after", **then}
    if form == "setting":
        return [{**FIRST, "activation": activation}, after, LAST]
    layers = [FIRST, {"name": "activation", "activation": activation}, after]
    return [*layers, LAST] if form == "layer" else [{"name": "sequential", "layers": layers, "label": "held"}, LAST]


def start(layers: list[Any]) -> Any:
    return bp.Trainer(bp.Network(layers, inputs=4), "mse", {"name": "sgd", "lr": 1.0}, dtype="float64", seed=SEED)


def stepped(layers: list[Any], parameters: Arrays) -> tuple[float, Arrays]:
    """(loss of one step from these parameters, the parameters after it)."""
    trainer = start(layers)
    for name, array in parameters.items():
        trainer.parameters[name] = array
    trainer.fit(X, Y, epochs=1, batch_size=8, shuffle=False)
    return trainer.history.train["loss"][0], trainer.parameters.copy()


def trained(layers: list[Any]) -> Arrays:
    """Parameters to begin with, none of them 0."""
    rng = np.random.default_rng(7)
    made = start(layers).parameters
    return {name: array + 0.1 * rng.normal(size=array.shape) for name, array in made.items() if "buffers" not in name}


def found(layers: list[Any], parameters: Arrays) -> Arrays:
    """The gradient that the network computes."""
    _, after = stepped(layers, parameters)
    return {name: array - after[name] for name, array in parameters.items()}


def misfit(layers: list[Any], parameters: Arrays, gradient: Arrays, h: float = 1e-5) -> float:
    """How far a gradient's slopes along 12 random directions are from central differences of the loss.

    Directions cross all parameters at once; relative to the gradient's length.
    """
    rng, misses = np.random.default_rng(11), []
    for _ in range(12):
        d = {name: rng.normal(size=array.shape) for name, array in parameters.items()}
        ends = [stepped(layers, {name: array + s * d[name] for name, array in parameters.items()})[0] for s in (h, -h)]
        misses.append((ends[0] - ends[1]) / (2 * h) - sum(float(np.sum(gradient[name] * d[name])) for name in d))
    return float(np.abs(misses).max()) / math.sqrt(sum(float(np.sum(array**2)) for array in gradient.values()))


def largest(arrays: Arrays) -> float:
    return max(float(np.abs(array).max()) for array in arrays.values())


def error(got: Arrays, want: Arrays) -> float:
    """The largest difference, relative to the largest entry."""
    return largest({name: got[name] - array for name, array in want.items()}) / largest(want)


def ending(parameters: Arrays, end: str) -> Array:
    """The parameter whose name ends so."""
    return next(array for name, array in parameters.items() if name.endswith(end))


def first(parameters: Arrays) -> tuple[Array, Array, Array]:
    """(u of the first layer, w and b of the last one), wherever the first one is held."""
    w, b = (
        next(array for name, array in parameters.items() if name.endswith(f"first/{p}")) for p in ("weight", "bias")
    )
    return X @ w + b, parameters["last/weight"], parameters["last/bias"]


def of_first(du: Array, parameters: Arrays) -> Arrays:
    """Gradients of the first layer's weight and bias from dloss/du."""
    prefix = next(name for name in parameters if name.endswith("first/weight")).removesuffix("weight")
    return {f"{prefix}weight": X.T @ du, f"{prefix}bias": du.sum(axis=0)}


# by hand: each order, right and as in the series, gives the gradients of the first layer


def sigmoid_then_dropout(parameters: Arrays, series: bool, form: str) -> Arrays:
    u, w, b = first(parameters)
    v = 1 / (1 + np.exp(-u))
    key = epoch_key(SEED, 0).child(0)
    for label in ("held", "after") if form == "held" else ("after",):
        key = key.child(label)
    mask = (key.uniform(v) >= RATE) / (1 - RATE)
    y = v * mask
    dy = (y @ w + b - Y) / 8 @ w.T
    return of_first(dy * y * (1 - y) * mask if series else dy * mask * v * (1 - v), parameters)


def relu_then_batch_norm(parameters: Arrays, series: bool, form: str) -> Arrays:
    u, w, b = first(parameters)
    v = np.maximum(u, 0)
    scale, shift = (
        next(a for name, a in parameters.items() if name.endswith(f"after/{p}")) for p in ("scale", "shift")
    )
    deviation = np.sqrt(v.var(axis=0) + EPS)
    z = (v - v.mean(axis=0)) / deviation
    y = scale * z + shift
    dy = (y @ w + b - Y) / 8 @ w.T

    def through(dy: Array) -> Array:
        """Back through the norm: a column's Jacobian is (1 - 1/B - z z^T / B) scale / deviation."""
        jacobians = (np.eye(8) - 1 / 8 - np.einsum("ij,kj->jik", z, z) / 8) * (scale / deviation)[:, None, None]
        return np.einsum("jik,kj->ij", jacobians, dy)

    return of_first(through(dy * (y > 0)) if series else through(dy) * (v > 0), parameters)


def softmax_then_mse(parameters: Arrays, series: bool, form: str) -> Arrays:
    u, w, b = first(parameters)
    e = np.exp(np.tanh(u) @ w + b)
    p = e / e.sum(axis=1, keepdims=True)
    dp = (p - Y) / 8
    jacobians = np.einsum("ij,jk->ijk", p, np.eye(3)) - np.einsum("ij,ik->ijk", p, p)
    dz = dp * p * (1 - p) if series else np.einsum("ijk,ik->ij", jacobians, dp)
    return of_first(dz @ w.T * (1 - np.tanh(u) ** 2), parameters)


ByHand = Callable[[Arrays, bool, str], Arrays]
DROPOUT, NORM = {"name": "dropout", "rate": RATE}, {"name": "batch_norm", "eps": EPS}
TANH, SOFTMAX = {**FIRST, "activation": "tanh"}, {"name": "activation", "activation": "softmax"}
CASES: dict[str, tuple[list[Any], ByHand, str]] = {
    **{
        f"{name}, {form}": (hidden(activation, then, form), by_hand, form)
        for (name, activation, then, by_hand), form in itertools.product(
            (
                ("sigmoid then dropout", "sigmoid", DROPOUT, sigmoid_then_dropout),
                ("relu then batch_norm", "relu", NORM, relu_then_batch_norm),
            ),
            ("setting", "layer", "held"),
        )
    },
    "softmax then mse, setting": ([TANH, {**LAST, "activation": "softmax"}], softmax_then_mse, "setting"),
    "softmax then mse, layer": (
        [TANH, LAST, {"name": "activation", "activation": "softmax"}],
        softmax_then_mse,
        "layer",
    ),
}


@pytest.fixture(params=CASES.values(), ids=CASES.keys())
def case(request: pytest.FixtureRequest) -> Any:
    layers, by_hand, form = request.param
    return layers, trained(layers), by_hand, form


def test_the_whole_gradient_is_that_of_the_loss(case):
    layers, parameters, _, _ = case
    assert misfit(layers, parameters, found(layers, parameters)) < 1e-8


def test_the_formula_of_the_series_is_off_by_more_than_a_tenth_and_the_right_one_by_hand_agrees(case):
    layers, parameters, by_hand, form = case
    ours = found(layers, parameters)
    right, series = by_hand(parameters, False, form), by_hand(parameters, True, form)
    assert error({name: ours[name] for name in right}, right) < 1e-12
    assert error(series, right) > 0.1


def test_no_difference_quotient_comes_near_a_kink():
    for name in ("relu then batch_norm, setting", "relu then batch_norm, held"):
        u, _, _ = first(trained(CASES[name][0]))
        assert np.abs(u).min() > 1e-3
        assert ((u > 0).sum(axis=0) >= 2).all()  # so each unit has a variance


def test_a_gradient_that_is_a_millionth_off_in_one_bias_would_be_seen():
    layers, _, _ = CASES["sigmoid then dropout, layer"]
    parameters = trained(layers)
    gradient = found(layers, parameters)
    wrong = {**gradient, "first/bias": gradient["first/bias"] + 1e-6 * largest(gradient)}
    assert misfit(layers, parameters, wrong) > 1e-7
