"""erf and erfc are right to the last digits, in both precisions, for every float; the namespace is NumPy's."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

from bpframe import ops
from bpframe.ops import special as own

DTYPES = (np.float32, np.float64)
SCALAR = {ops.erf: math.erf, ops.erfc: math.erfc}
LAST = {np.float32: 9.0, np.float64: 26.0}  # erfc is a normal number up to here
BOTH = pytest.mark.parametrize("function", SCALAR, ids=lambda f: f.__name__)
EACH = pytest.mark.parametrize("dtype", DTYPES)


def units_off(got, want):
    """The distance in units of the last digit of what is wanted."""
    assert got.shape == want.shape
    unit = np.spacing(np.abs(want.astype(got.dtype))).astype(np.float64)
    return np.abs(got.astype(np.float64) - want) / unit


def points(dtype):
    """Random and regular points, dense around the seams and near 0."""
    rng = np.random.default_rng(0)
    last = LAST[dtype]
    seam = own.NEAR + rng.normal(size=2000) * 1e-3
    small = 10.0 ** rng.uniform(-30, 0, size=2000)
    x = np.concatenate([rng.uniform(0, last, 20000), np.arange(0, 16 * last) / 16, seam, small])
    return np.concatenate([x, -x]).astype(dtype)


@EACH
@BOTH
def test_every_digit_but_the_last_few_bits_is_that_of_the_c_library(function, dtype):
    x = points(dtype)
    want = np.array([SCALAR[function](float(t)) for t in x])
    assert units_off(function(x), want).max() <= 6


@EACH
def test_erf_agrees_with_scipy_to_the_last_few_bits(dtype):
    x = points(dtype)
    assert units_off(ops.erf(x), special.erf(x.astype(np.float64))).max() <= 6


def test_erfc_has_an_asymptotic_tail():
    x = np.linspace(12.0, 26.0, 200)
    want = [sum((-1) ** n * math.prod(range(1, 2 * n, 2)) / (2 * t * t) ** n for n in range(8)) for t in x.tolist()]
    scaled = np.log(ops.erfc(x)) + x * x + np.log(x * math.sqrt(math.pi))
    np.testing.assert_allclose(scaled, np.log(want), atol=1e-12)  # log and x^2, up to 676, leave an error of 1e-13


def test_the_slope_of_erf_is_the_bell_curve():
    x, h = np.linspace(-4, 4, 161), 1e-5
    slope = (ops.erf(x + h) - ops.erf(x - h)) / (2 * h)
    np.testing.assert_allclose(slope, 2 / math.sqrt(math.pi) * np.exp(-x * x), atol=1e-9)


@EACH
@BOTH
def test_nothing_overflows_and_dtype_and_shape_are_kept(function, dtype):
    largest = np.finfo(dtype).max
    x = np.array([[-largest, -1e4, -30.0, -0.0], [0.0, 30.0, 1e4, largest]], dtype=dtype)
    with np.errstate(all="raise", under="ignore"):
        y = function(x)
        empty = function(x[:, :0])
    assert (y.dtype, y.shape, empty.dtype, empty.shape) == (dtype, (2, 4), dtype, (2, 0))
    want = {ops.erf: [[-1, -1, -1, -0.0], [0.0, 1, 1, 1]], ops.erfc: [[2, 2, 2, 1], [1, 0, 0, 0]]}[function]
    np.testing.assert_array_equal(y, want)
    np.testing.assert_array_equal(np.signbit(y), np.signbit(want))


@EACH
@BOTH
def test_infinity_gives_the_limit_and_nan_stays_nan(function, dtype):
    y = function(np.array([-np.inf, np.inf, np.nan], dtype=dtype))
    np.testing.assert_array_equal(y, {ops.erf: [-1, 1, np.nan], ops.erfc: [2, 0, np.nan]}[function])


@EACH
def test_the_smallest_numbers_keep_their_digits(dtype):
    x = np.array([np.finfo(dtype).tiny, np.finfo(dtype).tiny * 64, 1e-20], dtype=dtype)
    np.testing.assert_allclose(ops.erf(x), x * dtype(2 / math.sqrt(math.pi)), rtol=4 * np.finfo(dtype).eps)


def test_arguments_stay_as_they_are():
    x = points(np.float64)
    x.flags.writeable = False
    np.testing.assert_array_equal(ops.erf(x) + ops.erf(-x), 0.0)


@settings(deadline=None)
@given(st.floats(-6, 6))
def test_erf_is_odd_and_both_add_up_to_1(t):
    x = np.array([t])
    assert ops.erf(-x) == -ops.erf(x)
    np.testing.assert_allclose(ops.erf(x) + ops.erfc(x), 1.0, rtol=1e-15, atol=0)
    np.testing.assert_allclose(ops.erfc(x) + ops.erfc(-x), 2.0, rtol=1e-15, atol=0)


@settings(deadline=None)
@given(st.floats(-10, 10), st.floats(0, 1))
def test_erf_rises_and_erfc_falls(t, by):
    low, high = np.array([t]), np.array([t + by])
    assert ops.erf(high) >= ops.erf(low) - 1e-15
    assert ops.erfc(high) <= ops.erfc(low) * (1 + 1e-14)


@pytest.mark.parametrize("axis", [None, 0, -1, (0, 1)])
@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("name", ["sum", "max", "min"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32, np.bool_])
@pytest.mark.parametrize("shape", [(50, 30), (200, 10), (200, 1), (100, 100), (2**16 + 1, 2)], ids=str)
def test_a_reduction_of_the_namespace_is_numpys(shape, name, axis, keepdims, dtype):
    x = (100 * np.random.default_rng(0).normal(size=shape)).astype(dtype)
    found = getattr(ops.namespace(x), name)(x, axis=axis, keepdims=keepdims)
    wanted = getattr(np, name)(x, axis=axis, keepdims=keepdims)
    assert (found.dtype, found.shape) == (wanted.dtype, wanted.shape)
    if name == "sum" and dtype in (np.float32, np.float64):  # in another order
        exact = getattr(np, name)(x.astype(np.longdouble), axis=axis, keepdims=keepdims)
        size = np.sum(abs(x), axis=axis, keepdims=keepdims)
        assert (abs(found - exact) <= 8 * np.finfo(dtype).eps * size).all()
    else:
        assert np.array_equal(found, wanted)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("axis", [0, -1])
@pytest.mark.parametrize("name", ["sum", "max", "min"])
def test_what_is_not_finite_comes_through_a_reduction_where_it_is_and_nowhere_else(name, axis, bad):
    x = np.random.default_rng(0).normal(size=(200, 10))
    x[70, 3] = bad
    found, wanted = (getattr(xp, name)(x, axis=axis) for xp in (ops.namespace(x), np))
    np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32])
@pytest.mark.parametrize("shape", [(), (3,), (200, 100), (300, 300), (0, 3)], ids=str)
@pytest.mark.parametrize("other", [0, 0.25, np.float64(0.1), "an array"], ids=str)
def test_the_larger_of_two_is_numpys_to_the_bit(other, shape, dtype):
    x = np.asarray(3 * np.random.default_rng(0).normal(size=shape), dtype)
    if isinstance(other, str):
        other = x[..., ::-1] if x.ndim else 0
    found, wanted = ops.namespace(x).maximum(x, other), np.maximum(x, other)
    assert found.dtype == wanted.dtype
    assert np.array_equal(found, wanted)
    assert np.array_equal(ops.namespace(x).maximum(other, x), wanted)
    again = ops.namespace(x).maximum(x, other)  # nothing was written to what is kept
    assert np.array_equal(again, wanted)


def test_the_rest_of_the_namespace_is_numpys_own():
    xp = ops.namespace(np.ones(3))
    own = {name for name in dir(np) if getattr(xp, name) is not getattr(np, name)}
    assert own == {"sum", "mean", "max", "min", "maximum", "where", "astype", "asarray", "zeros_like"}
    assert xp.astype(np.arange(3) > 1, np.float32).tolist() == [0.0, 0.0, 1.0]
    assert xp.astype(np.ones(3), np.float64, copy=False).dtype == np.float64


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("rows", "width"), [(200, 3), (200, 32), (200, 33), (5, 3), (0, 3), (200, 1)])
def test_a_product_is_that_of_numpy_and_many_short_rows_lie_by_columns(rows, width, dtype):
    rng = np.random.default_rng(0)
    a, b = (rng.normal(size=shape).astype(dtype) for shape in ((rows, 7), (7, width)))
    found = ops.matmul(a, b)
    assert found.dtype == dtype
    np.testing.assert_allclose(found, a @ b, rtol=20 * np.finfo(dtype).eps, atol=20 * np.finfo(dtype).eps)
    assert found.flags.f_contiguous == ((rows == 200 and width <= 32) or min(rows, width) < 2)
    assert found.base is None or found.base.size == found.size  # nobody else's memory
    lying = ops.namespace(found).maximum(found, 0)
    assert lying.flags.f_contiguous == found.flags.f_contiguous
    assert np.array_equal(lying, np.maximum(found, 0))


@pytest.mark.parametrize("dtype", [None, np.float32, np.bool_])
@pytest.mark.parametrize("x", [np.ones((3, 4)), np.ones((3, 4), np.float32).T, np.ones((6, 4))[::2], np.float64(1)])
def test_zeros_like_an_array_are_numpys(x, dtype):
    found, wanted = ops.namespace(np.ones(1)).zeros_like(x, dtype=dtype), np.zeros_like(x, dtype=dtype)
    assert (found.dtype, found.shape, found.strides) == (wanted.dtype, wanted.shape, wanted.strides)
    assert not found.any()


def test_the_namespace_of_another_library_is_what_its_arrays_say():
    class Foreign(np.ndarray):
        def __array_namespace__(self, *, api_version=None):
            return math

    assert ops.namespace(np.ones(3).view(Foreign)) is math


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(), (7,), (200, 100), (3, 4, 5)], ids=str)
def test_the_inner_product_of_two_arrays_is_one_number_to_the_last_digits(shape, dtype):
    a, b = (np.asarray(np.random.default_rng(k).normal(size=shape), dtype) for k in (0, 1))
    found = ops.inner(a, b)
    assert (found.shape, found.dtype) == ((), dtype)
    exact = np.sum(a.astype(np.longdouble) * b)
    assert abs(found - exact) <= 4 * np.finfo(dtype).eps * np.sum(abs(a * b))
    if a.ndim == 2:
        assert ops.inner(a.T, b.T) == pytest.approx(float(found), rel=1e-4 if dtype == np.float32 else 1e-12)
