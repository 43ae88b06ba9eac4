"""Regularizers against scalar loops and scikit-learn; constraints against other projections."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

import bpframe as bp
from bpframe.engine.hyperparameters import Settings
from bpframe.errors import ConfigError
from bpframe.registry import build
from bpframe.testing import check_gradient

PENALTIES = {  # name and arguments: the penalty of one number
    "l1": ({"strength": 0.3}, lambda w: 0.3 * abs(w)),
    "l2": ({"strength": 0.3}, lambda w: 0.15 * w * w),
    "elastic_net": ({"l1": 0.3, "l2": 0.7}, lambda w: 0.3 * abs(w) + 0.35 * w * w),
    "activity": ({"inner": {"name": "elastic_net", "l1": 0.2, "l2": 0.1}}, lambda w: 0.2 * abs(w) + 0.05 * w * w),
}
CONSTRAINTS = [
    {"name": "max_norm"},
    {"name": "max_norm", "limit": 0.5, "axis": 1},
    {"name": "unit_norm"},
    {"name": "unit_norm", "axis": 1},
    {"name": "non_negative"},
]
DTYPES = [np.float32, np.float64]
FINITE = st.floats(-1e4, 1e4, width=32)


def made(kind, spec, dtype=np.float64):
    """(a component, its h)."""
    component = build(kind, spec)
    return component, Settings(component, dtype).at(0)


def penalty(name, p, dtype=np.float64, **arguments):
    """(penalty, gradient) of an array."""
    regularizer, h = made("regularizer", {"name": name, **(arguments or PENALTIES[name][0])}, dtype)
    return regularizer.value_and_gradient(np.asarray(p, dtype), h)


def project(spec, p, dtype=np.float64):
    """What a constraint makes of an array."""
    constraint, h = made("constraint", spec, dtype)
    frozen = np.array(p, dtype)
    frozen.flags.writeable = False
    return constraint.project(frozen, h)


# --------------------------------------------------------------------------------------------------------- regularizers


@pytest.mark.parametrize("name", PENALTIES)
@given(p=arrays(np.float64, array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=4), elements=FINITE))
@settings(max_examples=30, deadline=None)
def test_a_penalty_is_the_sum_of_those_of_single_numbers(name, p):
    value, gradient = penalty(name, p)
    assert np.shape(value) == ()
    assert gradient.shape == p.shape
    assert float(value) == pytest.approx(math.fsum(map(PENALTIES[name][1], p.ravel().tolist())), rel=1e-12)


@pytest.mark.parametrize("name", PENALTIES)
def test_its_gradient_is_that_of_central_differences(name):
    x = np.random.default_rng(0).normal(size=(4, 3))
    assert check_gradient(lambda w: penalty(name, w)[0], lambda w: penalty(name, w)[1], x).passed


@pytest.mark.parametrize("name", PENALTIES)
def test_the_gradient_at_zero_is_zero(name):
    assert np.array_equal(penalty(name, [0.0, -0.0, 1.0])[1][:2], [0.0, 0.0])


@pytest.mark.parametrize("name", PENALTIES)
def test_the_gradient_is_a_subgradient_everywhere_kinks_included(name):
    """f(w) >= f(p) + g . (w - p) for all w, as these penalties are convex."""
    rng = np.random.default_rng(1)
    p = np.array([0.0, 0.0, 0.5, -0.5])
    value, gradient = penalty(name, p)
    for w in rng.normal(size=(200, 4)):
        assert float(penalty(name, w)[0]) >= float(value) + gradient @ (w - p) - 1e-12


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", PENALTIES)
def test_it_keeps_the_dtype_and_stays_finite_at_large_weights(name, dtype):
    value, gradient = penalty(name, [-1e4, 1e4, 0.0, 1e-30], dtype)
    assert value.dtype == gradient.dtype == dtype
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()


def test_elastic_net_is_the_sum_of_its_two_penalties():
    p = np.random.default_rng(2).normal(size=(5, 3))
    both, first, second = penalty("elastic_net", p), penalty("l1", p), penalty("l2", p, strength=0.7)
    assert float(both[0]) == pytest.approx(float(first[0] + second[0]), rel=1e-13)
    np.testing.assert_allclose(both[1], first[1] + second[1], rtol=1e-13)


def test_elastic_net_is_the_penalty_that_scikit_learn_minimises():
    """Its solution is where the gradient of mean squared error / 2 and the penalty's subgradients cancel."""
    from sklearn.linear_model import ElasticNet

    rng, alpha, ratio = np.random.default_rng(3), 0.1, 0.6
    x = rng.normal(size=(50, 6))
    y = x @ [2.0, -1.0, 0.5, 0.0, 0.0, 0.1] + 0.1 * rng.normal(size=50)
    w = ElasticNet(alpha=alpha, l1_ratio=ratio, fit_intercept=False, tol=1e-14, max_iter=100_000).fit(x, y).coef_
    settled = w != 0
    assert 0 < settled.sum() < 6
    _, gradient = penalty("elastic_net", w, l1=alpha * ratio, l2=alpha * (1 - ratio))
    data = x.T @ (x @ w - y) / 50
    np.testing.assert_allclose((data + gradient)[settled], 0, atol=1e-9)
    assert (np.abs(data[~settled]) <= alpha * ratio).all()


def test_activity_looks_at_activations_and_hands_them_to_its_inner_penalty():
    regularizer = bp.regularizers.activity("l2")
    assert regularizer.on == "activations"
    assert regularizer.inner == bp.regularizers.l2()
    assert bp.regularizers.activity().inner == bp.regularizers.l1()
    assert not hasattr(bp.regularizers.l2(), "on")
    p = np.random.default_rng(4).normal(size=(5, 3))
    assert np.array_equal(penalty("activity", p, inner={"name": "l2", "strength": 2.0})[1], 2.0 * p)


def test_a_strength_may_follow_a_schedule_inside_activity_too():
    regularizer = bp.regularizers.activity({"name": "l1", "strength": {"name": "linear", "initial": 1.0, "steps": 4}})
    h = Settings(regularizer, np.float64)
    values = [float(regularizer.value_and_gradient(np.ones((2, 3)), h.at(step))[0]) for step in range(5)]
    assert values == [6.0, 4.5, 3.0, 1.5, 0.0]


# ---------------------------------------------------------------------------------------------------------- constraints


@pytest.mark.parametrize("spec", CONSTRAINTS, ids=str)
@given(p=arrays(np.float64, st.tuples(st.integers(0, 5), st.integers(0, 4)), elements=FINITE))
@settings(max_examples=40, deadline=None)
def test_a_second_projection_changes_nothing_more_than_rounding(spec, p):
    once = project(spec, p)
    assert once.shape == p.shape
    np.testing.assert_allclose(project(spec, once), once, rtol=1e-14, atol=1e-300)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("spec", CONSTRAINTS, ids=str)
def test_a_projection_keeps_the_dtype_and_stays_finite_at_large_weights(spec, dtype):
    once = project(spec, [[-1e4, 0.0], [1e4, 0.0], [3.0, 1e-3]], dtype)
    assert once.dtype == dtype
    assert np.isfinite(once).all()


def test_max_norm_shortens_columns_that_are_too_long_and_leaves_the_others_to_the_last_bit():
    w = np.array([[3.0, 0.1, 0.0, 1.2], [4.0, 0.7, 0.0, 1.6]])
    got = project({"name": "max_norm", "limit": 2.0}, w)
    np.testing.assert_allclose(got[:, 0], [1.2, 1.6], rtol=1e-15)
    assert np.array_equal(got[:, 1:], w[:, 1:])  # shorter, empty, and of exactly the limit


def test_max_norm_along_axis_1_is_max_norm_of_the_transpose():
    w = np.random.default_rng(5).normal(size=(6, 4))
    rows, columns = ({"name": "max_norm", "limit": 1.0, "axis": axis} for axis in (1, 0))
    assert np.array_equal(project(rows, w), project(columns, w.T).T)
    assert not np.array_equal(project(rows, w), project(columns, w))


@pytest.mark.parametrize("limit", [0.5, 2.0])
def test_max_norm_is_the_nearest_point_of_the_ball(limit):
    rng = np.random.default_rng(6)
    w = rng.normal(size=(3, 1)) * 2
    nearest = project({"name": "max_norm", "limit": limit}, w)
    assert np.linalg.norm(nearest) <= limit * (1 + 1e-15)
    inside = rng.normal(size=(20_000, 3, 1))
    inside *= limit * rng.uniform(size=(20_000, 1, 1)) ** (1 / 3) / np.linalg.norm(inside, axis=1, keepdims=True)
    assert np.linalg.norm(inside - w, axis=1).min() >= np.linalg.norm(nearest - w) - 1e-12


def test_unit_norm_gives_columns_of_length_one_and_leaves_empty_ones():
    w = np.array([[3.0, 0.0, 1e-8], [-4.0, 0.0, 0.0]])
    np.testing.assert_allclose(project({"name": "unit_norm"}, w), [[0.6, 0, 1], [-0.8, 0, 0]], rtol=1e-15)
    rows = project({"name": "unit_norm", "axis": 1}, np.random.default_rng(7).normal(size=(5, 3)))
    np.testing.assert_allclose([math.hypot(*row) for row in rows.tolist()], 1, rtol=1e-14)


def test_a_vector_is_one_unit():
    assert np.array_equal(project({"name": "max_norm", "limit": 1.0}, [0.0, -5.0]), [0.0, -1.0])
    np.testing.assert_allclose(project({"name": "unit_norm"}, [3.0, 4.0]), [0.6, 0.8], rtol=1e-15)


def test_non_negative_cuts_off_what_is_below_zero():
    assert np.array_equal(project({"name": "non_negative"}, [[-1.0, 2.0], [0.0, -1e-30]]), [[0.0, 2.0], [0.0, 0.0]])


def test_constraints_say_whether_they_need_a_whole_parameter():
    scopes = {spec["name"]: build("constraint", spec).scope for spec in CONSTRAINTS}
    assert scopes == {"max_norm": "array", "unit_norm": "array", "non_negative": "element"}


# ------------------------------------------------------------------------------------------------------- wrong settings


@pytest.mark.parametrize(
    ("kind", "name", "arguments", "message"),
    [
        ("regularizer", "l1", {"strength": -1.0}, "l1 needs a number of at least 0 as strength"),
        ("regularizer", "elastic_net", {"l1": -1.0}, "elastic_net needs a number of at least 0 as l1"),
        ("regularizer", "elastic_net", {"l2": -1.0}, "elastic_net needs a number of at least 0 as l2"),
        ("regularizer", "activity", {"inner": {"name": "l1", "strength": -1.0}}, "at least 0 as strength"),
        ("constraint", "max_norm", {"limit": 0.0}, "max_norm needs a number above 0 as limit"),
    ],
)
def test_a_setting_out_of_range_is_named(kind, name, arguments, message):
    with pytest.raises(ConfigError, match=message):
        build(kind, {"name": name, **arguments})
