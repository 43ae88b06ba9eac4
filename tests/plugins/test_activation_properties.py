"""Activations have the properties that their docstrings claim, for any number."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from bpframe.errors import ConfigError
from bpframe_activations.arctan import Arctan
from bpframe_activations.celu import Celu
from bpframe_activations.elu import Elu
from bpframe_activations.exponential import Exponential
from bpframe_activations.gelu import Gelu
from bpframe_activations.hard_sigmoid import HardSigmoid
from bpframe_activations.hard_tanh import HardTanh
from bpframe_activations.hardshrink import Hardshrink
from bpframe_activations.hardswish import Hardswish
from bpframe_activations.identity import Identity
from bpframe_activations.isru import Isru
from bpframe_activations.leaky_relu import LeakyRelu
from bpframe_activations.log_sigmoid import LogSigmoid
from bpframe_activations.mish import Mish
from bpframe_activations.prelu import Prelu
from bpframe_activations.quick_gelu import QuickGelu
from bpframe_activations.relu import Relu
from bpframe_activations.selu import Selu
from bpframe_activations.sigmoid import Sigmoid
from bpframe_activations.silu import Silu
from bpframe_activations.softplus import Softplus
from bpframe_activations.softshrink import Softshrink
from bpframe_activations.softsign import Softsign
from bpframe_activations.squareplus import Squareplus
from bpframe_activations.tanh import Tanh
from bpframe_activations.tanhshrink import Tanhshrink
from bpframe_activations.threshold import Threshold
from tests.plugins.activation_cases import CASES, DTYPES, EACH, TINY, both

# ------------------------------------------------------------------------------------------- formulas, number by number


VALUE_BASED = [case for case in CASES if not hasattr(case.activation, "forward")]


# ----------------------------------------------------------------------------------------- properties, for any numbers


NUMBERS = hnp.arrays(np.float64, (5, 1), elements=st.floats(-1e4, 1e4))
SINGLES = hnp.arrays(np.float32, (5, 1), elements=st.floats(-(2.0**99), 2.0**99, width=32))


@settings(max_examples=40, deadline=None)
@given(NUMBERS, st.floats(0, 10))
def test_value_based_activations_never_fall(u, by):
    for case in VALUE_BASED:
        low, high = case.activation.value(u), case.activation.value(u + by)
        assert (high >= low - 1e-14 * np.abs(low)).all(), case.activation


@settings(max_examples=40, deadline=None)
@given(SINGLES)
def test_derivatives_of_value_based_activations_lie_between_0_and_their_steepest_slope(u):
    top = {LeakyRelu: 3, Elu: 2, Selu: 1.7581, Sigmoid: 0.25, HardSigmoid: 0.1667, Exponential: math.exp(80.5)}
    for case in VALUE_BASED:
        slope = case.activation.derivative(case.activation.value(u))
        assert slope.dtype == np.float32
        assert (slope >= 0).all(), case.activation
        assert (slope <= top.get(type(case.activation), 1) * (1 + 1e-5)).all(), case.activation


ODD = (Tanh(), Softsign(), Arctan(), Isru(2.0), HardTanh(), Softshrink(), Hardshrink(), Tanhshrink(), Identity())
HALVES = (Relu(), Softplus(), Softplus(3.0), Squareplus(), Silu(), Gelu(), Gelu("tanh"), QuickGelu(), Hardswish())


@settings(max_examples=40, deadline=None)
@given(NUMBERS)
def test_odd_activations_are_exactly_odd(u):
    for activation in ODD:
        np.testing.assert_array_equal(both(activation, -u)[0], -both(activation, u)[0], err_msg=repr(activation))


@settings(max_examples=40, deadline=None)
@given(NUMBERS)
def test_value_at_u_less_value_at_minus_u_is_u(u):
    for activation in HALVES:
        difference = both(activation, u)[0] - both(activation, -u)[0]
        np.testing.assert_allclose(difference, u, rtol=1e-14, atol=1e-15, err_msg=repr(activation))


@settings(max_examples=40, deadline=None)
@given(NUMBERS)
def test_sigmoid_and_its_relatives_fit_together(u):
    sigmoid, log_sigmoid = Sigmoid().value(u), LogSigmoid().value(u)
    np.testing.assert_allclose(sigmoid + Sigmoid().value(-u), 1, rtol=1e-15)
    np.testing.assert_array_equal(log_sigmoid, -Softplus().value(-u))
    np.testing.assert_allclose(np.exp(log_sigmoid), sigmoid, rtol=2e-13, atol=TINY)
    np.testing.assert_allclose(2 * Sigmoid().value(2 * u) - 1, np.tanh(u), atol=3e-16)


# ------------------------------------------------------------------------------------------- what the docstrings claim


MINIMA = [
    (Silu(), -0.278, -1.278),
    (Gelu(), -0.170, -0.752),
    (QuickGelu(), -0.164, -0.751),
    (Mish(), -0.309, -1.192),
    (Hardswish(), -0.375, -1.5),
]


@pytest.mark.parametrize(("activation", "lowest", "where"), MINIMA, ids=lambda x: repr(x))
def test_what_is_not_value_based_has_two_slopes_for_one_value(activation, lowest, where):
    u = np.linspace(-4, 0, 40001)[:, None]
    v, slope = both(activation, u)
    assert v.min() == pytest.approx(lowest, abs=6e-4)
    assert u[v.argmin()] == pytest.approx(where, abs=6e-4)
    assert slope[u < where - 1e-2].max() <= 0 < slope[u > where + 1e-2].min()


@pytest.mark.parametrize(("activation", "within"), [(Gelu("tanh"), 0.0005), (QuickGelu(), 0.021)], ids=repr)
def test_an_approximation_of_gelu_is_as_near_as_it_says(activation, within):
    u = np.linspace(-8, 8, 16001)[:, None]
    assert 0.9 * within < abs(both(activation, u)[0] - both(Gelu(), u)[0]).max() < within


@pytest.mark.parametrize(("dtype", "bound"), [(np.float32, 80), (np.float64, 701)])
def test_exponential_stays_at_its_bound(dtype, bound):
    u = np.array([bound - 1, bound, bound + 1, 1e4], dtype=dtype)
    v = Exponential().value(u)
    np.testing.assert_allclose(v, [math.exp(bound - 1), *[math.exp(bound)] * 3], rtol=100 * np.finfo(dtype).eps)
    np.testing.assert_array_equal(Exponential().derivative(v), v)
    assert np.isfinite(v * dtype(2000)).all()


def test_selu_keeps_mean_0_and_variance_1():
    u = np.linspace(-12, 12, 240001)
    weight = np.exp(-u * u / 2) / math.sqrt(2 * math.pi) * (u[1] - u[0])
    v = Selu().value(u)
    assert np.sum(weight * v) == pytest.approx(0, abs=1e-9)
    assert np.sum(weight * v * v) == pytest.approx(1, abs=1e-9)


def test_squareplus_has_the_curvature_or_the_value_of_softplus_at_0():
    h = np.array([-1e-4, 0, 1e-4])

    def curvature(activation):
        return np.dot(activation.value(h), [1, -2, 1]) / 1e-8

    assert curvature(Squareplus(4.0)) == pytest.approx(curvature(Softplus()), abs=1e-6)
    assert Squareplus((2 * math.log(2)) ** 2).value(h)[1] == pytest.approx(Softplus().value(h)[1], rel=1e-15)


@pytest.mark.parametrize("activation", [Softplus(1e4), Squareplus(1e-10), Celu(1e-5), Elu(1e-5)], ids=repr)
def test_at_the_end_of_its_range_it_is_relu(activation):
    u = np.linspace(-3, 3, 61)
    np.testing.assert_allclose(activation.value(u), np.maximum(u, 0), atol=1e-4)


def test_a_saturated_unit_has_exactly_no_slope():
    for activation, dtype in itertools.product([Elu(), Elu(0.3), Celu(0.3), Selu()], DTYPES):
        assert activation.derivative(activation.value(np.array([-200.0], dtype=dtype))) == 0, activation


@EACH
def test_isru_has_a_derivative_where_rounding_takes_its_value_beyond_the_bound(dtype):
    u = np.array([-1e4, 1e4, 1e30], dtype=dtype)
    for alpha in np.linspace(0.1, 9, 90).tolist():
        with np.errstate(all="raise", under="ignore"):
            slope = Isru(alpha).derivative(Isru(alpha).value(u))
        assert (slope >= 0).all(), alpha
        assert (slope < 1e-9).all(), alpha


BAD = [
    (LeakyRelu, {"negative_slope": 0.0}),
    (LeakyRelu, {"negative_slope": -0.1}),
    *[(cls, {"alpha": bad}) for cls in (Elu, Celu, Isru) for bad in (0.0, -1.0, math.nan, math.inf)],
    *[(cls, {"threshold": bad}) for cls in (Softshrink, Hardshrink) for bad in (0.0, -1.0, math.nan, math.inf)],
    *[(Softplus, {"beta": bad}) for bad in (0.0, -1.0, math.nan, math.inf)],
    *[(Squareplus, {"b": bad}) for bad in (0.0, -1.0, math.nan, math.inf)],
    *[(LeakyRelu, {"negative_slope": bad}) for bad in (math.nan, math.inf)],
    *[(Threshold, {"threshold": bad}) for bad in (math.nan, math.inf, -math.inf, -1.0)],
    *[(Threshold, {"default_value": bad}) for bad in (math.nan, math.inf, -math.inf, 1.5)],
    *[(Prelu, {"initial": bad}) for bad in (math.nan, math.inf)],
    (Gelu, {"approximate": "erf"}),
]


@pytest.mark.parametrize(("cls", "arguments"), BAD, ids=lambda x: x.__name__ if isinstance(x, type) else str(x))
def test_an_argument_that_makes_no_sense_is_refused_by_name(cls, arguments):
    (name,) = arguments
    with pytest.raises(ConfigError, match=name):
        cls(**arguments)


def test_a_threshold_below_its_default_value_says_why_not():
    with pytest.raises(ConfigError, match="could not be told from the value"):
        Threshold(threshold=0.0, default_value=0.5)
