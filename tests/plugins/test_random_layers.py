"""Layers that draw do so by their key, with the documented moments, and in training alone."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bpframe.network.context import EVALUATION, StepContext
from bpframe_layers.alpha_dropout import AlphaDropout
from bpframe_layers.dropout import Dropout
from bpframe_layers.gaussian_noise import GaussianNoise
from tests.plugins.layer_cases import KEY, ROW, TRAINING, given, rows

CHANCE = [Dropout(0.3), AlphaDropout(0.3), GaussianNoise(0.5)]
of_chance = pytest.mark.parametrize("layer", CHANCE, ids=lambda layer: type(layer).__name__)


@of_chance
def test_equal_keys_draw_alike_and_every_other_step_layer_and_row_draws_otherwise(layer):
    x = np.ones((2, 50))
    first = given(layer, x)
    np.testing.assert_array_equal(given(layer, x), first)
    for key in (KEY.child(1), KEY.child(2), KEY.child("dropout_1")):
        assert (given(layer, x, context=StepContext(True, True, key)) != first).any()
    assert (first[0] != first[1]).any()


@of_chance
def test_evaluation_draws_nothing_and_is_the_identity_both_ways(layer):
    x, dy = rows(layer, ROW), rows(layer, ROW, seed=1)
    y, cache = layer.forward({}, x, EVALUATION)
    np.testing.assert_array_equal(y, x)
    np.testing.assert_array_equal(layer.backward({}, cache, dy, EVALUATION)[0], dy)


@pytest.mark.parametrize("layer", [Dropout(0), AlphaDropout(0), GaussianNoise(0)], ids=repr)
def test_at_rate_or_stddev_0_training_is_the_identity_both_ways(layer):
    x, dy = rows(layer, ROW), rows(layer, ROW, seed=1)
    y, cache = layer.forward({}, x, TRAINING)
    np.testing.assert_array_equal(y, x)
    np.testing.assert_array_equal(layer.backward({}, cache, dy, TRAINING)[0], dy)


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.8])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dropout_drops_the_share_rate_and_scales_what_it_keeps(rate, dtype):
    x = np.random.default_rng(0).normal(size=(200, 1000)).astype(dtype)
    y = given(Dropout(rate), x)
    dropped = y == 0
    assert abs(dropped.mean() - rate) < 5 * math.sqrt(rate * (1 - rate) / x.size)
    assert abs(dropped.mean(axis=0) - rate).max() < 6 * math.sqrt(rate * (1 - rate) / 200)
    np.testing.assert_allclose(y[~dropped], x[~dropped] / (1 - rate), rtol=4 * np.finfo(dtype).eps)


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.8])
def test_dropout_keeps_the_expected_value_over_steps(rate):
    x = np.array([[1.0, -2.0, 0.5, 30.0]])
    steps = 1500
    mean = sum(given(Dropout(rate), x, context=StepContext(True, True, KEY.child(step))) for step in range(steps))
    error = abs(mean / steps - x) / abs(x)
    assert error.max() < 5 * math.sqrt(rate / (1 - rate) / steps)


def test_dropout_lets_neighbours_drop_out_independently():
    dropped = given(Dropout(0.5), np.ones((2000, 20))) == 0
    correlation = np.corrcoef(dropped.T) - np.eye(20)
    assert abs(correlation).max() < 6 / math.sqrt(2000)


@pytest.mark.parametrize("rate", [0.05, 0.2, 0.5, 0.9])
def test_alpha_dropout_keeps_mean_0_and_variance_1(rate):
    x = np.random.default_rng(5).normal(size=(1000, 500))
    y = given(AlphaDropout(rate), x)
    fourth = float(np.mean((y - y.mean()) ** 4))
    assert abs(y.mean()) < 5 / math.sqrt(y.size)
    assert abs(y.var() - 1) < 5 * math.sqrt(fourth / y.size)
    plain = given(Dropout(rate), x)
    assert abs(plain.var() - 1) > 10 * math.sqrt(fourth / y.size)  # which dropout does not


def test_alpha_dropout_drops_to_the_limit_of_selu_whose_constants_solve_the_fixed_point():
    root, e = math.sqrt(math.e), math.e**2
    one, two = math.erfc(1 / math.sqrt(2)), math.erfc(math.sqrt(2))
    alpha = -math.sqrt(2 / math.pi) / (one * root - 1)
    inside = 2 * two * e + math.pi * one**2 * math.e - 2 * (2 + math.pi) * one * root + math.pi + 2
    scale = (1 - one * root) * math.sqrt(2 * math.pi) / math.sqrt(inside)
    x = np.array([[1.0], [2.0]]) + np.zeros(400)
    y = given(AlphaDropout(0.3), x)
    slope = (y[1].max() - y[0].max()) / 1.0  # kept: a x + b
    shift = y[0].max() - slope
    found = sorted(np.unique(y.round(12)))
    assert found == pytest.approx([-slope * scale * alpha + shift, slope + shift, 2 * slope + shift])


@pytest.mark.parametrize("stddev", [0.1, 3.0])
def test_gaussian_noise_is_normal_with_its_stddev(stddev):
    noise = (given(GaussianNoise(stddev), np.full((1000, 400), 2.0)) - 2.0) / stddev
    n = noise.size
    assert abs(noise.mean()) < 5 / math.sqrt(n)
    assert abs(noise.var() - 1) < 5 * math.sqrt(2 / n)
    assert abs((noise < 1).mean() - 0.8413447460685429) < 5 * math.sqrt(0.1335 / n)
