"""Loops and branches of `ops` give on every engine what Python's give, and refuse alike what a compiler would."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import bpframe as bp
import bpframe.engine.jax.loops
from bpframe import ops
from bpframe.errors import CheckFailed, ShapeError
from bpframe.testing import check_layer
from bpframe.testing.laws.unknown_values import require_no_values

ARRAYS: list[Any] = [np.asarray, jnp.asarray]
each_library = pytest.mark.parametrize("array", ARRAYS, ids=["numpy", "jax"])
X = np.random.default_rng(0).normal(size=(7, 3)).astype(np.float32)


class Pair(NamedTuple):
    total: Any
    count: Any


@each_library
@pytest.mark.parametrize("reverse", [False, True])
def test_a_scan_of_sums_is_cumsum(array, reverse):
    def step(total, x):
        total = total + x
        return total, total

    last, sums = ops.scan(step, array(np.zeros(3, np.float32)), array(X), reverse=reverse)
    order = slice(None, None, -1 if reverse else 1)
    np.testing.assert_allclose(np.asarray(sums), np.cumsum(X[order], axis=0)[order], rtol=1e-5)
    np.testing.assert_array_equal(np.asarray(last), np.asarray(sums)[0 if reverse else -1])
    assert np.asarray(sums).dtype == np.float32


@each_library
def test_steps_get_what_a_function_ahead_makes_of_xs_which_numpy_calls_once_and_jax_within_the_loop(array):
    shapes = []

    def ahead(xs):
        shapes.append(tuple(xs[0].shape))
        return xs[0] * xs[0], xs[1]

    def step(total, at):
        return total + at[0], at[1]

    last, ys = ops.scan(step, array(np.zeros(3, np.float32)), (array(X), None), ahead=ahead)
    np.testing.assert_allclose(np.asarray(last), (X**2).sum(axis=0), rtol=1e-5)
    assert ys is None
    assert set(shapes) == {(7, 3) if array is np.asarray else (3,)}


@each_library
def test_carry_xs_and_ys_are_structures_of_arrays(array):
    def step(carry, x):
        total, count = carry.total + x["a"] * x["b"][0], carry.count + 1
        return Pair(total, count), {"seen": (total, [count]), "nothing": None}

    start = Pair(array(np.zeros(3)), array(np.zeros(())))
    xs = {"a": array(X), "b": (array(np.arange(7.0)),)}
    carry, ys = ops.scan(step, start, xs)
    assert isinstance(carry, Pair)
    np.testing.assert_allclose(np.asarray(carry.total), (X * np.arange(7.0)[:, None]).sum(axis=0), rtol=1e-5)
    assert ys["nothing"] is None
    assert ys["seen"][0].shape == (7, 3)
    np.testing.assert_array_equal(np.asarray(ys["seen"][1][0]), np.arange(1.0, 8.0))


@each_library
def test_a_scan_without_xs_takes_as_many_steps_as_it_is_told(array):
    last, powers = ops.scan(lambda p, _: (2 * p, p), array(np.ones(())), length=5)
    np.testing.assert_array_equal(np.asarray(powers), [1, 2, 4, 8, 16])
    assert float(last) == 32


@each_library
def test_only_the_chosen_branch_is_computed_and_gives_what_it_gives_alone(array):
    x = array(X)
    for limit in (-100.0, 100.0):
        found = ops.when(ops.namespace(x).max(x) > limit, lambda x: (x + 1, x[0]), lambda x: (2 * x, x[1]), x)
        wanted = (X + 1, X[0]) if limit < 0 else (2 * X, X[1])
        for one, other in zip(found, wanted, strict=True):
            np.testing.assert_array_equal(np.asarray(one), other)
    assert ops.when(True, lambda: 1, lambda: 1 / 0) == 1


def test_a_compiled_program_has_one_step_and_one_branch_at_run_time():
    def both(x):
        total, _ = ops.scan(lambda s, row: (s + row, None), jnp.zeros(3), x)
        return ops.when(total.sum() > 0, lambda s: s, lambda s: -s, total)

    text = str(jax.make_jaxpr(both)(X))
    assert "scan[" in text
    assert "cond[" in text


@each_library
@pytest.mark.parametrize(
    ("step", "xs", "length", "message"),
    [
        (
            lambda c, x: (c[:1], None),
            X,
            None,
            r"keeps its shapes and dtypes, \(3,\) of float32; after a step got \(1,\)",
        ),
        (lambda c, x: (c > 0, None), X, None, "keeps its shapes and dtypes.*after a step got .* bool"),
        (lambda c, x: ((c, c), None), X, None, "keeps its shapes and dtypes"),
        (lambda c, x: (0.0, None), X, None, "scan needs arrays in its carry, got 0.0"),
        (lambda c, x: (c, None), (X, X[:2]), None, r"xs of one length, or `length`, got \[2, 7\]"),
        (lambda c, x: (c, None), X, 6, r"xs of one length, or `length`, got \[6, 7\]"),
        (lambda c, x: (c, None), None, None, "got neither"),
        (lambda c, x: (c, None), X[:0], None, "at least one step"),
    ],
)
def test_a_loop_that_a_compiler_cannot_make_is_refused_in_the_same_words(array, step, xs, length, message):
    start = array(np.zeros(3, np.float32))
    with pytest.raises(ShapeError, match=message):
        ops.scan(step, start, jax.tree.map(array, xs), length)


@dataclass(frozen=True)
class Decay:
    """y_t = a y_{t-1} + x_t over the steps of a row, or, `direct`, x itself where its first number is negative."""

    a: float = 0.5
    other: Any = None
    coupled = True

    def example_input(self, rng):
        return rng.normal(size=(4, 6))

    def init(self, rng, in_shape):
        return {}, in_shape

    def _filter(self, x, reverse):
        def step(y, x):
            y = self.a * y + x
            return y, y

        return ops.scan(step, ops.namespace(x).zeros_like(x[:, 0]), x.T, reverse=reverse)[1].T

    def forward(self, params, x, context):
        flag = x[0, 0] > 0
        filtered = lambda x: self._filter(x, reverse=False)  # noqa: E731
        return ops.when(flag, filtered, self.other or (lambda x: x), x), flag

    def backward(self, params, cache, dy, context):
        return ops.when(cache, lambda dy: self._filter(dy, reverse=True), lambda dy: dy, dy), {}


def test_a_layer_of_loops_and_branches_passes_the_kit_on_both_engines_and_on_strict_arrays():
    report = check_layer(Decay())
    assert {"gradient of x", "linearity"} <= set(report.passed)
    bp.register("layer", "decay", Decay, replace=True)
    whole = bp.testing.check("layer", "decay", engines=["numpy", "jax"])
    assert not whole.failed
    assert any("array api" in name for name in whole.passed)
    assert any("array values" in name for name in whole.passed)


@pytest.mark.parametrize("other", [lambda x: x[:, :2], lambda x: x > 0], ids=["shape", "dtype"])
def test_branches_that_differ_in_shape_or_dtype_are_found_without_a_compiler(other):
    layer = Decay(other=other)
    with pytest.raises(CheckFailed, match=r"ops.when needs branches that give the same shapes and dtypes"):
        require_no_values(lambda convert: layer.forward({}, convert(X), None))
