"""Activations of whole rows, gates and activations with parameters have the Jacobian of their formula."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import special

from bpframe.errors import ShapeError
from bpframe.network.context import EVALUATION, StepContext
from bpframe.random import HashKey
from bpframe.testing import check_layer
from bpframe_activations.glu import Glu
from bpframe_activations.log_softmax import LogSoftmax
from bpframe_activations.prelu import Prelu
from bpframe_activations.softmax import Softmax
from bpframe_activations.sparsemax import Sparsemax
from bpframe_activations.swiglu import Swiglu
from bpframe_layers.dense import Dense
from tests.plugins.activation_cases import EACH, GATED, ROW_WISE, TINY, both, logistic

# ------------------------------------------------------------------------------------------------------------ row-wise


def jacobian_back(activation: Any, u: np.ndarray, params: Any = None) -> np.ndarray:
    """(C, n): what comes back to a row u (n,) for each unit vector of dy (C,)."""
    outputs = both(activation, u[None], params=params)[0].shape[1]
    return both(activation, np.tile(u, (outputs, 1)), np.eye(outputs), params)[1]


def jacobian_ahead(activation: Any, u: np.ndarray, h: float = 1e-6) -> np.ndarray:
    """(C, n): central differences of every output in every input."""
    steps = h * np.eye(len(u))
    return ((both(activation, u + steps)[0] - both(activation, u - steps)[0]) / (2 * h)).T


ROWS = np.random.default_rng(0).normal(size=(20, 6)) * np.repeat([[0.3], [3.0]], 10, axis=0)


@pytest.mark.parametrize("activation", [*ROW_WISE, *GATED], ids=repr)
def test_the_way_back_is_the_whole_jacobian(activation):
    for u in ROWS:
        np.testing.assert_allclose(jacobian_back(activation, u), jacobian_ahead(activation, u), atol=1e-8)


def test_the_jacobian_of_softmax_and_log_softmax_is_that_of_the_formula():
    for u in ROWS:
        p = special.softmax(u)
        np.testing.assert_allclose(both(Softmax(), u[None])[0][0], p, rtol=1e-12)
        np.testing.assert_allclose(jacobian_back(Softmax(), u), np.diag(p) - np.outer(p, p), rtol=1e-12, atol=1e-16)
        np.testing.assert_allclose(both(LogSoftmax(), u[None])[0][0], special.log_softmax(u), rtol=1e-12)
        np.testing.assert_allclose(jacobian_back(LogSoftmax(), u), np.eye(6) - p, rtol=1e-12, atol=1e-15)


def nearest_in_simplex(z: np.ndarray) -> np.ndarray:
    """Brute force: for every set of places, the point whose other places are 0; the nearest one without negatives."""
    candidates = []
    for size in range(1, len(z) + 1):
        for places in map(list, itertools.combinations(range(len(z)), size)):
            p = np.zeros(len(z))
            p[places] = z[places] - (z[places].sum() - 1) / size
            if p.min() >= 0:
                candidates.append(p)
    return min(candidates, key=lambda p: float(np.sum((p - z) ** 2)))


@pytest.mark.parametrize("scale", [1e-3, 0.3, 1.0, 10.0])
def test_sparsemax_is_the_nearest_point_of_the_simplex(scale):
    z = np.random.default_rng(0).normal(size=(40, 6)) * scale
    z[:10] = np.round(z[:10] / scale * 2) / 2 * scale  # ties
    np.testing.assert_allclose(
        both(Sparsemax(), z)[0], [nearest_in_simplex(row) for row in z], rtol=1e-12, atol=1e-12 * scale
    )


@pytest.mark.parametrize("scale", [0.3, 1.0, 10.0])
def test_the_way_back_of_sparsemax_takes_the_mean_over_the_support(scale):
    z = np.random.default_rng(1).normal(size=(40, 6)) * scale
    dy = np.random.default_rng(2).normal(size=z.shape)
    want = np.zeros_like(z)
    for i, row in enumerate(z):
        support = np.flatnonzero(nearest_in_simplex(row))
        want[i, support] = dy[i, support] - sum(dy[i, support]) / len(support)
    np.testing.assert_allclose(both(Sparsemax(), z, dy)[1], want, rtol=1e-12, atol=1e-15)


def test_an_entry_that_just_reaches_0_counts_as_outside_of_the_support_of_sparsemax():
    u, dy = np.array([[2.0, 1.0, -1.0], [0.5, 0.5, -0.5]]), np.array([[1.0, 5.0, 7.0], [3.0, 5.0, 9.0]])
    v, du = both(Sparsemax(), u, dy)
    np.testing.assert_array_equal(v, [[1, 0, 0], [0.5, 0.5, 0]])
    np.testing.assert_array_equal(du, [[0, 0, 0], [-1, 1, 0]])


RANGES = hnp.arrays(np.float64, (2, 5), elements=st.floats(-1e3, 1e3))


@settings(max_examples=40, deadline=None)
@given(RANGES, st.floats(-1e3, 1e3))
def test_sparsemax_projects(u, shift):
    v = both(Sparsemax(), u)[0]
    np.testing.assert_allclose(v.sum(axis=1), 1, rtol=1e-12)
    np.testing.assert_allclose(both(Sparsemax(), v)[0], v, atol=1e-15)  # twice is the same as once
    np.testing.assert_allclose(both(Sparsemax(), u + shift)[0], v, atol=1e-12)
    assert np.linalg.norm(v[0] - v[1]) <= np.linalg.norm(u[0] - u[1]) + 1e-12  # never pulls apart


@settings(max_examples=40, deadline=None)
@given(RANGES, st.floats(-1e3, 1e3))
def test_softmax_and_log_softmax_depend_on_differences_alone(u, shift):
    v, log_v = both(Softmax(), u)[0], both(LogSoftmax(), u)[0]
    np.testing.assert_allclose(v.sum(axis=1), 1, rtol=1e-14)
    np.testing.assert_allclose(np.exp(log_v), v, rtol=1e-12, atol=TINY)
    np.testing.assert_allclose(both(LogSoftmax(), u + shift)[0], log_v, rtol=1e-12, atol=1e-12)


@EACH
@pytest.mark.parametrize("activation", [*ROW_WISE, *GATED], ids=repr)
def test_rows_stay_finite_far_out_and_in_their_dtype(activation, dtype):
    u = np.array([[1e4, -1e4, 1e4, 0.0], [-1e4, -1e4, -1e4, -1e4], [1e4, 0.0, -1e4, 1e-30]], dtype=dtype)
    with np.errstate(all="raise", under="ignore"):
        v, du = both(activation, u)
    assert (v.dtype, du.dtype) == (dtype, dtype)
    assert np.isfinite(v).all()
    assert np.isfinite(du).all()


@EACH
@pytest.mark.parametrize("activation", [*ROW_WISE, *GATED], ids=repr)
def test_rows_in_float32_are_those_in_float64(activation, dtype):
    u = ROWS.astype(dtype).astype(np.float64)
    for got, want in zip(both(activation, u.astype(dtype)), both(activation, u), strict=True):
        np.testing.assert_allclose(got, want, rtol=2e-6, atol=1e-6)


@EACH
@pytest.mark.parametrize("activation", ROW_WISE, ids=repr)
def test_a_shift_that_rounds_nothing_changes_nothing(activation, dtype):
    u = (np.round(ROWS * 64) / 64).astype(dtype)
    for got, want in zip(both(activation, u + dtype(8192)), both(activation, u), strict=True):
        np.testing.assert_array_equal(got, want)


def test_log_softmax_keeps_what_softmax_loses():
    np.testing.assert_array_equal(both(LogSoftmax(), np.array([[0.0, -1e4], [1e4, 0.0]]))[0], [[0, -1e4], [0, -1e4]])


@pytest.mark.parametrize(("activation", "value"), [(Softmax(), 1), (LogSoftmax(), 0), (Sparsemax(), 1)], ids=repr)
def test_a_row_of_one_score_is_certain(activation, value):
    v, du = both(activation, np.array([[3.0], [-1e4]]))
    np.testing.assert_array_equal(v, [[value], [value]])
    np.testing.assert_array_equal(du, [[0], [0]])


# --------------------------------------------------------------------------------------------------------------- gates


def test_glu_and_swiglu_are_their_formulas():
    for row in ROWS:
        a, b = row[:3].tolist(), row[3:].tolist()
        glu = [x * logistic(y) for x, y in zip(a, b, strict=True)]
        swiglu = [x * logistic(x) * y for x, y in zip(a, b, strict=True)]
        np.testing.assert_allclose(both(Glu(), row[None])[0][0], glu, rtol=1e-12)
        np.testing.assert_allclose(both(Swiglu(), row[None])[0][0], swiglu, rtol=1e-12)


@pytest.mark.parametrize("activation", GATED, ids=repr)
def test_a_gate_halves_the_last_axis_and_refuses_an_odd_one(activation):
    rng = np.random.default_rng(0)
    assert activation.init(rng, (6,)) == ({}, (3,))
    assert activation.init(rng, (4, 2)) == ({}, (4, 1))
    for shape in ((5,), (4, 3), ()):
        with pytest.raises(ShapeError, match="lu needs rows whose last axis has two halves, got ") as error:
            activation.init(rng, shape)
        assert f"got {shape}. " in str(error.value)


@pytest.mark.parametrize("activation", GATED, ids=repr)
def test_a_gate_inside_a_dense_layer_halves_its_units(activation):
    layer = Dense(8, activation)
    assert layer.init(np.random.default_rng(0), (3,))[1] == (4,)
    assert not check_layer(layer, (3,)).failed


# --------------------------------------------------------------------------------------------------------------- prelu


SLOPES = [np.array([0.25, -0.5, 0.0, 2.0]), np.array([0.1])]


def prelu_of(slope: np.ndarray) -> Prelu:
    return Prelu(shared=len(slope) == 1)


@pytest.mark.parametrize("slope", SLOPES, ids=str)
def test_prelu_and_both_its_gradients_are_those_of_the_formula(slope):
    rng = np.random.default_rng(0)
    u, dy = rng.normal(size=(7, 4)), rng.normal(size=(7, 4))
    v, du, da = np.zeros((7, 4)), np.zeros((7, 4)), np.zeros(len(slope))
    for i, j in itertools.product(range(7), range(4)):
        k = j % len(slope)
        v[i, j] = u[i, j] if u[i, j] > 0 else slope[k] * u[i, j]
        du[i, j] = dy[i, j] if u[i, j] > 0 else slope[k] * dy[i, j]
        da[k] += 0.0 if u[i, j] > 0 else dy[i, j] * u[i, j]
    layer = prelu_of(slope)
    got, cache = layer.forward({"slope": slope}, u, EVALUATION)
    dx, gradients = layer.backward({"slope": slope}, cache, dy, EVALUATION)
    np.testing.assert_allclose(got, v, rtol=1e-15)
    np.testing.assert_allclose(dx, du, rtol=1e-15)
    np.testing.assert_allclose(gradients["slope"], da, rtol=1e-12)


@pytest.mark.parametrize("shape", [(5, 4), (3, 2, 4), (0, 4)])
@pytest.mark.parametrize("slope", SLOPES, ids=str)
def test_the_gradient_of_the_slope_is_that_of_the_loss_in_the_slope(slope, shape):
    rng = np.random.default_rng(0)
    u, dy = rng.normal(size=shape), rng.normal(size=shape)
    layer, h = prelu_of(slope), 1e-6
    gradient = layer.backward({"slope": slope}, u, dy, EVALUATION)[1]["slope"]

    def loss(at):
        return np.sum(dy * layer.forward({"slope": at}, u, EVALUATION)[0])

    steps = h * np.eye(len(slope))
    want = [(loss(slope + step) - loss(slope - step)) / (2 * h) for step in steps]
    assert gradient.shape == slope.shape
    np.testing.assert_allclose(gradient, want, atol=1e-8)


def test_prelu_begins_with_its_initial_slope_for_each_feature_or_for_all():
    rng = np.random.default_rng(0)
    for layer, slope in ((Prelu(), [0.25] * 3), (Prelu(0.1), [0.1] * 3), (Prelu(shared=True), [0.25])):
        params, shape = layer.init(rng, (2, 3))
        assert params.keys() == {"slope"}
        np.testing.assert_array_equal(params["slope"], slope)
        assert shape == (2, 3)


def test_prelu_at_0_has_the_slope_from_below_and_no_say_in_the_slope():
    slope = np.array([0.3])
    dx, gradients = Prelu().backward({"slope": slope}, np.zeros((1, 1)), np.ones((1, 1)), EVALUATION)
    assert dx == 0.3
    assert gradients["slope"] == 0


def test_prelu_spares_what_nobody_below_wants():
    context = StepContext(True, False, HashKey(0, 0))
    dx, gradients = Prelu().backward({"slope": np.ones(4)}, -np.ones((2, 4)), np.ones((2, 4)), context)
    assert dx is None
    np.testing.assert_array_equal(gradients["slope"], [-2] * 4)


def test_prelu_learns_inside_a_dense_layer():
    layer = Dense(4, Prelu())
    params, _ = layer.init(np.random.default_rng(0), (3,))
    assert params["activation"]["slope"].shape == (4,)
    assert not check_layer(layer, (3,)).failed
