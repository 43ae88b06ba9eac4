"""Every activation against scalar formulas in u, difference quotients, and what its docstring claims.

The formulas here know u alone; the activations take their derivative from the value, or from what they keep.
"""

from __future__ import annotations

import importlib
import itertools
import math
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import special

from bpframe.errors import ConfigError, ShapeError
from bpframe.network.backprop import as_layer
from bpframe.network.context import EVALUATION, StepContext
from bpframe.random import HashKey
from bpframe.registry import registry
from bpframe.registry.describe import describe
from bpframe.testing import check_activation, check_layer
from bpframe_activations.arctan import Arctan
from bpframe_activations.celu import Celu
from bpframe_activations.elu import Elu
from bpframe_activations.exponential import Exponential
from bpframe_activations.gelu import Gelu
from bpframe_activations.glu import Glu
from bpframe_activations.hard_sigmoid import HardSigmoid
from bpframe_activations.hard_tanh import HardTanh
from bpframe_activations.hardshrink import Hardshrink
from bpframe_activations.hardswish import Hardswish
from bpframe_activations.identity import Identity
from bpframe_activations.isru import Isru
from bpframe_activations.leaky_relu import LeakyRelu
from bpframe_activations.log_sigmoid import LogSigmoid
from bpframe_activations.log_softmax import LogSoftmax
from bpframe_activations.mish import Mish
from bpframe_activations.prelu import Prelu
from bpframe_activations.quick_gelu import QuickGelu
from bpframe_activations.relu import Relu
from bpframe_activations.relu6 import Relu6
from bpframe_activations.selu import Selu
from bpframe_activations.sigmoid import Sigmoid
from bpframe_activations.silu import Silu
from bpframe_activations.softmax import Softmax
from bpframe_activations.softplus import Softplus
from bpframe_activations.softshrink import Softshrink
from bpframe_activations.softsign import Softsign
from bpframe_activations.sparsemax import Sparsemax
from bpframe_activations.squareplus import Squareplus
from bpframe_activations.swiglu import Swiglu
from bpframe_activations.tanh import Tanh
from bpframe_activations.tanhshrink import Tanhshrink
from bpframe_activations.threshold import Threshold
from bpframe_layers.dense import Dense

DTYPES = (np.float32, np.float64)
TINY = np.finfo(np.float64).tiny  # below it a float has fewer digits
Scalar = Callable[[float], float]


# ------------------------------------------------------------------------------------------- formulas, number by number


def density(u: float) -> float:
    return math.exp(-u * u / 2) / math.sqrt(2 * math.pi)


def logistic(u: float) -> float:
    return 1 / (1 + math.exp(-u))


def bell(u: float) -> float:
    """The slope of the logistic function."""
    return 0.25 / math.cosh(u / 2) ** 2


def log1pexp(u: float) -> float:
    return math.log1p(math.exp(u))


def tanh_gelu(u: float) -> tuple[float, float]:
    """(value, slope) of the approximation by tanh."""
    t = math.tanh(math.sqrt(2 / math.pi) * (u + 0.044715 * u**3))
    inner = math.sqrt(2 / math.pi) * (1 + 0.134145 * u**2)
    return u * (1 + t) / 2, (1 + t) / 2 + u * (1 - t * t) * inner / 2


def mish_slope(u: float) -> float:
    """Misra's own form of it, with omega and delta."""
    e = math.exp(u)
    omega = 4 * (u + 1) + 4 * e**2 + e**3 + e * (4 * u + 6)
    return e * omega / (2 * e + e**2 + 2) ** 2


@dataclass(frozen=True)
class Case:
    """An elementwise activation, its formula, the formula of its slope, and its slope at each kink."""

    activation: Any
    phi: Scalar
    slope: Scalar
    at_kinks: tuple[tuple[float, float], ...] = ()


def leaky(slope: float) -> tuple[Scalar, Scalar]:
    return lambda u: u if u > 0 else slope * u, lambda u: 1.0 if u > 0 else slope


def elu(alpha: float) -> tuple[Scalar, Scalar]:
    return lambda u: u if u > 0 else alpha * math.expm1(u), lambda u: 1.0 if u > 0 else alpha * math.exp(u)


def celu(a: float) -> tuple[Scalar, Scalar]:
    return lambda u: u if u > 0 else a * math.expm1(u / a), lambda u: 1.0 if u > 0 else math.exp(u / a)


def softplus(beta: float) -> tuple[Scalar, Scalar]:
    return lambda u: log1pexp(beta * u) / beta, lambda u: logistic(beta * u)


def isru(alpha: float) -> tuple[Scalar, Scalar]:
    return lambda u: u / math.sqrt(1 + alpha * u * u), lambda u: (1 + alpha * u * u) ** -1.5


def squareplus(b: float) -> tuple[Scalar, Scalar]:
    """For u < 0 times and over the conjugate."""
    root: Scalar = lambda u: math.sqrt(u * u + b)  # noqa: E731  (a formula of three lines reads best in three lines)
    return (
        lambda u: (u + root(u)) / 2 if u > 0 else b / (root(u) - u) / 2,
        lambda u: (1 + u / root(u)) / 2 if u > 0 else b / (root(u) - u) / root(u) / 2,
    )


def shrink(t: float, by: float) -> tuple[Scalar, Scalar]:
    return lambda u: math.copysign(abs(u) - by, u) if abs(u) > t else 0.0, lambda u: float(abs(u) > t)


def threshold(t: float, low: float) -> tuple[Scalar, Scalar]:
    return lambda u: u if u > t else low, lambda u: float(u > t)


SELU, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772
CASES = [
    Case(Identity(), lambda u: u, lambda u: 1.0),
    Case(Sigmoid(), logistic, bell),
    Case(Tanh(), lambda u: math.sinh(u) / math.cosh(u), lambda u: math.cosh(u) ** -2),
    Case(Arctan(), lambda u: math.atan2(u, 1), lambda u: 1 / (1 + u * u)),
    Case(Softsign(), lambda u: u / (1 + abs(u)), lambda u: (1 + abs(u)) ** -2),
    *[Case(Isru(alpha), *isru(alpha)) for alpha in (1.0, 0.3, 4.0)],
    Case(Relu(), lambda u: (u + abs(u)) / 2, lambda u: float(u > 0), ((0.0, 0.0),)),
    Case(Relu6(), lambda u: min(max(u, 0.0), 6.0), lambda u: float(0 < u < 6), ((0.0, 0.0), (6.0, 0.0))),
    *[Case(LeakyRelu(a), *leaky(a), ((0.0, a),)) for a in (0.01, 0.2, 3.0)],
    Case(LeakyRelu(1.0), *leaky(1.0)),
    Case(Elu(), *elu(1.0)),
    *[Case(Elu(alpha), *elu(alpha), ((0.0, alpha),)) for alpha in (0.5, 2.0)],
    *[Case(Celu(alpha), *celu(alpha)) for alpha in (1.0, 0.5, 2.0)],
    Case(
        Selu(),
        lambda u: SELU * u if u > 0 else SELU * SELU_ALPHA * math.expm1(u),
        lambda u: SELU if u > 0 else SELU * SELU_ALPHA * math.exp(u),
        ((0.0, SELU * SELU_ALPHA),),
    ),
    *[Case(Softplus(beta), *softplus(beta)) for beta in (1.0, 0.5, 5.0)],
    Case(LogSigmoid(), lambda u: -log1pexp(-u), lambda u: logistic(-u)),
    *[Case(Squareplus(b), *squareplus(b)) for b in (4.0, 0.1, 4 * math.log(2) ** 2)],
    Case(Exponential(), math.exp, math.exp),
    Case(
        HardSigmoid(),
        lambda u: min(max(u / 6 + 0.5, 0.0), 1.0),
        lambda u: 1 / 6 if abs(u) < 3 else 0.0,
        ((-3.0, 0.0), (3.0, 0.0)),
    ),
    Case(HardTanh(), lambda u: min(max(u, -1.0), 1.0), lambda u: float(abs(u) < 1), ((-1.0, 0.0), (1.0, 0.0))),
    *[Case(Softshrink(t), *shrink(t, t), ((-t, 0.0), (t, 0.0))) for t in (0.5, 1.5)],
    *[Case(Hardshrink(t), *shrink(t, 0), ((-t, 0.0), (t, 0.0))) for t in (0.5, 1.5)],
    *[
        Case(Threshold(t, low), *threshold(t, low), ((t, 0.0),))
        for t, low in ((1.0, 0.0), (0.0, -2.0), (0.5, 0.5), (-1.0, -1.5))
    ],
    Case(Gelu(), lambda u: u * special.ndtr(u), lambda u: special.ndtr(u) + u * density(u)),
    Case(Gelu("tanh"), lambda u: tanh_gelu(u)[0], lambda u: tanh_gelu(u)[1]),
    Case(QuickGelu(), lambda u: u * logistic(1.702 * u), lambda u: logistic(1.702 * u) + 1.702 * u * bell(1.702 * u)),
    Case(Silu(), lambda u: u * logistic(u), lambda u: logistic(u) + u * bell(u)),
    Case(Mish(), lambda u: u * math.tanh(log1pexp(u)), mish_slope),
    Case(
        Hardswish(),
        lambda u: u * min(max(u + 3, 0.0), 6.0) / 6,
        lambda u: u / 3 + 0.5 if abs(u) < 3 else float(u > 0),
        ((-3.0, 0.0), (3.0, 1.0)),
    ),
    Case(Tanhshrink(), lambda u: u - math.tanh(u), lambda u: math.tanh(u) ** 2),
]
ROW_WISE = (Softmax(), LogSoftmax(), Sparsemax())
GATED = (Glu(), Swiglu())
LEARNED = (Prelu(), Prelu(0.0), Prelu(-0.5, shared=True))
VALUE_BASED = [case for case in CASES if not hasattr(case.activation, "forward")]
ALL = [*(case.activation for case in CASES), *ROW_WISE, *GATED, *LEARNED]

EVERY_CASE = pytest.mark.parametrize("case", CASES, ids=lambda case: repr(case.activation))
EVERY_ONE = pytest.mark.parametrize("activation", ALL, ids=repr)
EACH = pytest.mark.parametrize("dtype", DTYPES)


def both(activation: Any, u: np.ndarray, dy: Any = None, params: Any = None) -> tuple[np.ndarray, np.ndarray]:
    """(value, what comes back for dy, or for ones); parameters as they begin, in u's dtype."""
    layer = as_layer(activation)
    made, _ = layer.init(np.random.default_rng(0), u.shape[1:])
    params = {name: leaf.astype(u.dtype) for name, leaf in made.items()} if params is None else params
    v, cache = layer.forward(params, u, EVALUATION)
    dx, _ = layer.backward(params, cache, np.ones_like(v) if dy is None else dy, EVALUATION)
    assert dx is not None
    return v, dx


def points(dtype: Any = np.float64, reach: float = 30.0) -> np.ndarray:
    """A column of numbers of every size up to `reach`, both signs, and the integers and halves among them."""
    rng = np.random.default_rng(0)
    sizes = 10 ** rng.uniform(-12, math.log10(reach), 300)
    u = np.concatenate([rng.uniform(-6, 6, 300), sizes, -sizes, np.arange(-16, 17) / 2])
    return u.astype(dtype)[:, None]


def off_kinks(case: Case, u: np.ndarray) -> np.ndarray:
    """The points that are not within a rounding error of a kink."""
    near = [np.abs(u - kink) < 1e-3 for kink, _ in case.at_kinks]
    return u[~np.any(near, axis=0)][:, None] if near else u


def each(formula: Scalar, u: np.ndarray) -> np.ndarray:
    """The formula of every number, in float64."""
    return np.array([formula(t) for t in u.ravel().tolist()], dtype=np.float64).reshape(u.shape)


# -------------------------------------------------------------------------------------------------------- every number


@EVERY_CASE
def test_value_and_derivative_are_those_of_the_formula(case):
    u = off_kinks(case, points())
    v, slope = both(case.activation, u)
    np.testing.assert_allclose(v, each(case.phi, u), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(slope, each(case.slope, u), rtol=1e-12, atol=2e-15)


@EVERY_CASE
def test_float32_gives_the_same_to_its_own_last_digits(case):
    u = off_kinks(case, points(np.float32))
    v, slope = both(case.activation, u)
    assert (v.dtype, slope.dtype) == (np.float32, np.float32)
    np.testing.assert_allclose(v, each(case.phi, u), rtol=2e-6, atol=3e-7)
    np.testing.assert_allclose(slope, each(case.slope, u), rtol=2e-6, atol=1.5e-6)


@EVERY_CASE
def test_derivative_is_the_slope_of_the_value_from_tail_to_tail(case):
    u = off_kinks(case, np.concatenate([np.linspace(-9, 9, 180), [-1e3, -100, -30, -15, 15, 30, 100, 1e3]])[:, None])
    if isinstance(case.activation, Exponential):
        u = u[u < 10][:, None]  # differences of numbers that large say nothing
    h = 1e-6 * np.maximum(1, np.abs(u))
    quotient = (both(case.activation, u + h)[0] - both(case.activation, u - h)[0]) / (2 * h)
    np.testing.assert_allclose(both(case.activation, u)[1], quotient, rtol=2e-9, atol=2e-9)


TAILS = [
    (Sigmoid(), special.expit),
    (Silu(), lambda u: u * special.expit(u)),
    (QuickGelu(), lambda u: u * special.expit(1.702 * u)),
    (Softplus(), lambda u: -special.log_expit(-u)),
    (Gelu(), lambda u: u * special.ndtr(u)),
    (Gelu("tanh"), lambda u: u * special.expit(2 * math.sqrt(2 / math.pi) * (u + 0.044715 * u**3))),
    (Mish(), lambda u: u * np.tanh(-special.log_expit(-u))),
    (Squareplus(), lambda u: 2 / (np.sqrt(u * u + 4) - u)),
    (Exponential(), lambda u: np.e**u),
]


@EACH
@pytest.mark.parametrize(("activation", "formula"), TAILS, ids=lambda x: repr(x) if not callable(x) else "")
def test_a_tail_that_falls_to_0_keeps_its_digits(activation, formula, dtype):
    u = np.linspace(-9, -0.5, 200).astype(dtype)[:, None]
    np.testing.assert_allclose(both(activation, u)[0], formula(u.astype(np.float64)), rtol=400 * np.finfo(dtype).eps)


@EACH
@EVERY_CASE
def test_nothing_overflows_far_out_and_the_dtype_is_kept(case, dtype):
    u = np.array([[-1e4, -100, -1e-30, -0.0, 0.0, 1e-30, 100, 1e4]], dtype=dtype).T
    with np.errstate(all="raise", under="ignore"):
        v, slope = both(case.activation, u)
    assert (v.dtype, slope.dtype) == (dtype, dtype)
    assert np.isfinite(v).all()
    assert np.isfinite(slope).all()


@EACH
@pytest.mark.parametrize("activation", [Isru(0.5), Squareplus(2.0), Softsign(), Sigmoid(), Softplus()], ids=repr)
def test_nothing_is_squared_that_may_overflow(activation, dtype):
    huge = np.array([np.finfo(dtype).max / 2], dtype=dtype)
    with np.errstate(all="raise", under="ignore"):
        value, slope = both(activation, np.concatenate([-huge, huge])[:, None])
    top = {Isru: math.sqrt(2), Squareplus: huge[0], Softplus: huge[0]}.get(type(activation), 1.0)
    np.testing.assert_allclose(value[1], top, rtol=1e-6)
    np.testing.assert_allclose(slope[0], 0, atol=1e-6)


@EVERY_ONE
def test_nan_stays_nan_so_that_nobody_trains_on_unawares(activation):
    with np.errstate(invalid="ignore"):
        assert np.isnan(both(activation, np.full((2, 4), np.nan))[0]).all()


@EVERY_ONE
@pytest.mark.parametrize("shape", [(0, 4), (1, 4), (3, 2, 4)])
def test_no_row_one_row_and_rows_of_two_axes_keep_their_shapes(activation, shape):
    u = np.random.default_rng(0).normal(size=shape)
    v, dx = both(activation, u)
    out = as_layer(activation).init(np.random.default_rng(0), shape[1:])[1]
    assert (v.shape, dx.shape) == ((shape[0], *out), shape)
    if shape == (3, 2, 4):
        flat, back = both(activation, u.reshape(6, 4))
        np.testing.assert_array_equal(v, flat.reshape(v.shape))
        np.testing.assert_array_equal(dx, back.reshape(dx.shape))


@EVERY_ONE
def test_the_laws_of_an_activation_hold_for_every_argument_tried_here(activation):
    assert not check_activation(activation).failed


@EVERY_ONE
def test_repr_and_specification_build_an_equal_one(activation):
    assert eval(repr(activation), {type(activation).__name__: type(activation)}) == activation
    spec = describe(registry, "activation", activation)
    assert registry.load("activation", spec.pop("name"))(**spec) == activation


def test_every_installed_activation_is_tried_here():
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    targets = (target.split(":") for target in project["entry-points"]["bpframe.activations"].values())
    assert {getattr(importlib.import_module(module), name) for module, name in targets} == {type(a) for a in ALL}


def test_cf0910_is_relu6():
    assert registry.load("activation", "cf0910") is Relu6
    assert describe(registry, "activation", Relu6()) == {"name": "relu6"}


# --------------------------------------------------------------------------------------------------------------- kinks


@EVERY_CASE
def test_kinks_are_declared_and_nowhere_else_does_the_derivative_jump(case):
    assert tuple(getattr(case.activation, "kinks", ())) == tuple(kink for kink, _ in case.at_kinks)
    u = off_kinks(case, np.arange(-400, 401)[:, None] / 50)
    step = abs(both(case.activation, u + 1e-7)[1] - both(case.activation, u - 1e-7)[1])
    assert step.max() < 1e-3


@EACH
@pytest.mark.parametrize("case", [case for case in CASES if case.at_kinks], ids=lambda case: repr(case.activation))
def test_at_a_kink_the_derivative_is_the_declared_subgradient(case, dtype):
    for kink, want in case.at_kinks:
        got = both(case.activation, np.array([[kink]], dtype=dtype))[1].item()
        assert got == pytest.approx(want, rel=1e-6 if dtype == np.float32 else 1e-15, abs=0)
        h = 1e-6
        behind, ahead = (case.phi(kink) - case.phi(kink - h)) / h, (case.phi(kink + h) - case.phi(kink)) / h
        assert min(behind, ahead) - 1e-5 <= got <= max(behind, ahead) + 1e-5


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
