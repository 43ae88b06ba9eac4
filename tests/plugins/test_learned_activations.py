"""Activations that keep more than v are their formulas, keep the laws of layers, and learn what they are for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import bpframe as bp
from bpframe.errors import ConfigError, ShapeError
from bpframe.testing import check_activation
from bpframe_activations.maxout import Maxout
from bpframe_activations.rational import Rational
from bpframe_activations.sine import Sine
from bpframe_activations.snake import Snake
from tests.plugins.activation_cases import both

U = np.random.default_rng(0).normal(size=(5, 6))


@pytest.mark.parametrize("activation", [Rational(), Sine(2.0), Snake(), Snake(3.0), Maxout(2), Maxout(4)], ids=repr)
def test_they_keep_the_laws_of_their_kind(activation):
    assert {"gradient of x", "linearity", "few rows", "extremes"} <= set(check_activation(activation).passed)


def test_rational_is_the_quotient_of_its_polynomials_and_starts_near_relu():
    a, b = np.array([0.3, -1.0, 2.0, 0.5]), np.array([-0.4, 1.5])
    v = both(Rational(), U, params={"numerator": a, "denominator": b})[0]
    wanted = np.polyval(a[::-1], U) / (1 + abs(np.polyval([b[1], b[0], 0], U)))
    np.testing.assert_allclose(v, wanted, rtol=1e-12)
    line = np.linspace(-1, 1, 2001)[:, None]
    start, _ = Rational().init(np.random.default_rng(0), (1,))
    assert abs(both(Rational(), line, params=start)[0] - np.maximum(line, 0)).max() < 0.022


def test_sine_is_its_formula_and_lies_in_its_range():
    v = both(Sine(3.0), U, params={})[0]
    np.testing.assert_allclose(v, np.sin(3 * U), rtol=1e-12, atol=1e-15)
    with pytest.raises(ConfigError, match="omega"):
        Sine(0.0)


def test_snake_is_its_formula_with_a_frequency_for_each_feature():
    a = np.linspace(0.5, 3.0, 6)
    v = both(Snake(), U, params={"frequency": a})[0]
    np.testing.assert_allclose(v, U + (1 - np.cos(2 * a * U)) / (2 * a), rtol=1e-12, atol=1e-15)
    params, shape = Snake(7.0).init(np.random.default_rng(0), (3, 4))
    np.testing.assert_array_equal(params["frequency"], np.full(4, 7.0))
    assert shape == (3, 4)


@pytest.mark.parametrize("k", [2, 3])
def test_maxout_takes_the_largest_of_its_pieces_and_shares_slopes_of_equals(k):
    v, du = both(Maxout(k), U, np.ones((5, 6 // k)))
    pieces = np.split(U, k, axis=1)
    np.testing.assert_array_equal(v, np.max(pieces, axis=0))
    np.testing.assert_array_equal(np.sum(np.split(du, k, axis=1), axis=0), np.ones((5, 6 // k)))
    np.testing.assert_array_equal(both(Maxout(k), np.zeros((1, 6)), np.ones((1, 6 // k)))[1], np.full((1, 6), 1 / k))


def test_maxout_needs_whole_pieces():
    with pytest.raises(ShapeError, match=r"maxout needs rows whose last axis has 4 equal pieces, got \(6,\)"):
        Maxout(4).init(np.random.default_rng(0), (6,))
    with pytest.raises(ConfigError, match="at least 2 as pieces"):
        bp.activations.maxout(pieces=1)


@pytest.mark.parametrize("name", ["rational", "snake", {"name": "maxout", "pieces": 2}], ids=str)
def test_a_network_learns_with_them_on_both_engines_alike(name):
    x = np.linspace(-2, 2, 80)[:, None]

    def fit(engine: str) -> Any:
        network = bp.Network([bp.layers.dense(12, activation=name), bp.layers.dense(1)])
        made = bp.Trainer(network, "mse", bp.optimizers.adam(lr=0.02), dtype="float64", engine=engine)
        made.fit(x, np.abs(x), epochs=60, batch_size=20, verbose=0)
        return made.history.train["loss"]

    numpy, jax = fit("numpy"), fit("jax")
    assert numpy[-1] < 0.02
    np.testing.assert_allclose(jax, numpy, rtol=1e-7)
