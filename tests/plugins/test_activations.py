"""Every activation against scalar formulas in u and difference quotients."""

from __future__ import annotations

import importlib
import math
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import special

from bpframe.network.backprop import as_layer
from bpframe.registry import registry
from bpframe.registry.describe import describe
from bpframe.testing import check_activation
from bpframe_activations.exponential import Exponential
from bpframe_activations.gelu import Gelu
from bpframe_activations.isru import Isru
from bpframe_activations.maxout import Maxout
from bpframe_activations.mish import Mish
from bpframe_activations.prelu import Prelu
from bpframe_activations.quick_gelu import QuickGelu
from bpframe_activations.rational import Rational
from bpframe_activations.relu6 import Relu6
from bpframe_activations.sigmoid import Sigmoid
from bpframe_activations.silu import Silu
from bpframe_activations.sine import Sine
from bpframe_activations.snake import Snake
from bpframe_activations.softplus import Softplus
from bpframe_activations.softsign import Softsign
from bpframe_activations.squareplus import Squareplus
from tests.plugins.activation_cases import CASES, EACH, GATED, ROW_WISE, Case, Scalar, both

# ------------------------------------------------------------------------------------------- formulas, number by number


LEARNED = (Prelu(), Prelu(0.0), Prelu(-0.5, shared=True))
ALL = [*(case.activation for case in CASES), *ROW_WISE, *GATED, *LEARNED]
EVERY_CASE = pytest.mark.parametrize("case", CASES, ids=lambda case: repr(case.activation))
EVERY_ONE = pytest.mark.parametrize("activation", ALL, ids=repr)


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
    elsewhere = {Maxout, Rational, Sine, Snake}  # which keep u: test_learned_activations.py
    found = {getattr(importlib.import_module(module), name) for module, name in targets}
    assert found == {type(a) for a in ALL} | elsewhere


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
