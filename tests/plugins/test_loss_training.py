"""A network learns with every loss."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import bpframe as bp
from tests.plugins.loss_cases import CASES, CLASSES


def problem(name: str) -> tuple[Any, Any, list[Any]]:
    """x, y and the last layers of a small network for a loss with its default arguments."""
    x = np.random.default_rng(5).normal(size=(40, 3))
    number = x @ [1.0, -0.5, 0.25]
    dense = bp.layers.dense
    special = {
        "gaussian_nll": (number, [dense(2)]),
        "multi_quantile": (number, [dense(3)]),
        "cosine": (np.stack([number, x[:, 0]], axis=1), [dense(2)]),
        "mape": (5 + number, [dense(1)]),
        "msle": (np.exp(number), [dense(1)]),
        "poisson": (np.round(np.exp(number)), [dense(1)]),
        "gamma": (np.exp(number), [dense(1)]),
        "tweedie": (np.maximum(np.exp(number) - 0.5, 0), [dense(1)]),
        "cross_entropy": (np.digitize(number, [-0.5, 0.5]), [dense(3, activation="softmax")]),
        "binary_cross_entropy": (number > 0, [dense(1, activation="sigmoid")]),
    }
    if name in special:
        return x, *special[name]
    outputs = dict(CLASSES).get(name)
    if outputs == 3:
        return x, np.array(["low", "middle", "top"])[np.digitize(number, [-0.5, 0.5])], [dense(3)]
    return x, (number > 0 if outputs else number), [dense(1)]


@pytest.mark.parametrize("name", sorted({case.name for case in CASES}))
def test_a_network_learns_with_every_loss_as_it_comes(name):
    x, y, last = problem(name)
    network = bp.Network([bp.layers.dense(6, activation="tanh"), *last])
    made = bp.Trainer(network, loss=name, optimizer={"name": "momentum", "lr": 0.03, "momentum": 0.5}, seed=1)
    before = made.fit(x, y, epochs=1, batch_size=8).train["loss"][0]
    history = made.fit(x, y, epochs=20, batch_size=8)
    assert history.train["loss"][-1] < before - 0.05 * abs(before)
    assert made.evaluate(x, y)["loss"] < before
    if name in dict(CLASSES):
        assert made.evaluate(x, y)["accuracy"] > 0.7
        assert set(made.predict_labels(x).tolist()) <= set(np.asarray(y).tolist())


def test_class_weights_move_predictions_to_the_class_that_counts_more():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(200, 2)), rng.integers(0, 2, 200)
    shares = []
    for weights in ((1.0, 4.0), (4.0, 1.0)):
        loss = bp.losses.softmax_cross_entropy(class_weights=weights)
        made = bp.Trainer(bp.Network([bp.layers.dense(2)]), loss=loss, optimizer={"name": "sgd", "lr": 0.3})
        made.fit(x, y, epochs=20)
        shares.append(made.predict(x)[:, 1].mean())
    assert shares[0] == pytest.approx(0.8, abs=0.1)
    assert shares[1] == pytest.approx(0.2, abs=0.1)


def test_quantiles_are_fitted_where_they_should_lie():
    y = np.random.default_rng(2).exponential(size=2000)
    loss = bp.losses.multi_quantile(quantiles=(0.1, 0.5, 0.9))
    made = bp.Trainer(bp.Network([bp.layers.dense(3)]), loss=loss, optimizer={"name": "sgd", "lr": 0.1}, seed=0)
    made.fit(np.zeros((2000, 1)), y, epochs=60, batch_size=400)
    below = [(y < q).mean() for q in made.predict(np.zeros((1, 1)))[0]]
    np.testing.assert_allclose(below, [0.1, 0.5, 0.9], atol=0.02)


def test_the_variance_head_finds_the_noise_of_its_region():
    rng = np.random.default_rng(3)
    x = rng.integers(0, 2, size=(3000, 1)).astype(float)
    y = 2 * x[:, 0] + rng.normal(size=3000) * np.where(x[:, 0] > 0, 2.0, 0.5)
    optimizer = {"name": "sgd", "lr": 0.1}
    made = bp.Trainer(bp.Network([bp.layers.dense(2)]), loss="gaussian_nll", optimizer=optimizer, seed=0)
    made.fit(x, y, epochs=40, batch_size=100)
    mean, log_variance = made.predict(np.array([[0.0], [1.0]])).T
    np.testing.assert_allclose(mean, [0, 2], atol=0.15)
    np.testing.assert_allclose(np.exp(log_variance / 2), [0.5, 2.0], rtol=0.1)
