"""Sums over many rows in float32 are right to the last digits, in layers and losses too; short ones keep their bits."""

from __future__ import annotations

import numpy as np
import pytest

import bpframe as bp
from bpframe import ops
from bpframe.ops import row_sums

LONG = (1025, 1100, 10_000, 2**18)
TENTH = np.float32(0.1)


def worst(found, wanted):
    """The largest relative error."""
    return float(np.abs(np.asarray(found, np.float64) / wanted - 1).max())


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("rows", LONG)
@pytest.mark.parametrize("columns", [1, 3, 40])
def test_a_sum_over_many_equal_rows_is_off_by_no_more_than_1e_6(rows, columns, order):
    x = np.full((rows, columns), TENTH, np.float32, order)
    wanted = rows * float(TENTH)
    xp = ops.namespace(x)
    for found in (ops.sum_rows(x), xp.sum(x, axis=(0,)), xp.sum(x, axis=-2, keepdims=True), xp.mean(x, axis=0) * rows):
        assert worst(found, wanted) < 1e-6
    assert ops.sum_rows(x).shape == (columns,)
    assert xp.sum(x, axis=-2, keepdims=True).shape == (1, columns)


@pytest.mark.parametrize("axis", [(0, 1), (1, 0), (-3, -2), 0])
def test_a_sum_over_several_first_axes_is_one_over_rows(axis):
    x = np.random.default_rng(0).uniform(size=(1500, 5, 4)).astype(np.float32)
    for keepdims in (False, True):
        found = ops.namespace(x).sum(x, axis=axis, keepdims=keepdims)
        wanted = x.sum(axis=axis, keepdims=keepdims, dtype=np.float64)
        assert found.shape == wanted.shape
        assert worst(found, wanted) < 1e-6


def test_a_row_of_many_numbers_is_summed_as_well():
    x = np.full((64, 100_000), TENTH, np.float32)
    assert worst(ops.namespace(x).sum(x, axis=-1), 100_000 * float(TENTH)) < 1e-6


@pytest.mark.parametrize("rows", LONG)
def test_a_product_over_many_rows_does_not_lose_digits_with_their_number(rows):
    a, b = np.full((rows, 5), TENTH, np.float32), np.full((rows, 3), 3 * TENTH, np.float32)
    wanted = float(a[0, 0]) * float(b[0, 0])
    short = worst(a[:1024].T @ b[:1024], 1024 * wanted)  # some kernels of BLAS lose more than others
    assert worst(ops.matmul_tn(a, b), rows * wanted) < max(3e-6, 1.1 * short)


@pytest.mark.parametrize("rows", [32, 1000, 1024])
def test_up_to_1024_rows_the_bits_are_those_of_one_call(rows):
    x = np.random.default_rng(0).normal(size=(rows, 40)).astype(np.float32)
    np.testing.assert_array_equal(ops.sum_rows(x), np.ones(rows, np.float32) @ x)
    np.testing.assert_array_equal(ops.namespace(x).sum(x, axis=(0,)), np.add.reduce(x, axis=0))
    np.testing.assert_array_equal(ops.matmul_tn(x, x), x.T @ x)


def test_double_precision_keeps_its_bits():
    x = np.random.default_rng(0).normal(size=(5000, 40))
    np.testing.assert_array_equal(ops.sum_rows(x), np.ones(5000) @ x)
    assert not row_sums.long_run(x, 0)


@pytest.mark.parametrize("scripts", [True, False])
def test_a_bias_learns_from_many_equal_rows_what_it_learns_from_one(scripts):
    """Replayed and eager alike: mae's slope is 1 in each row."""
    x, y = np.zeros((300_000, 2), np.float32), -np.ones((300_000, 1), np.float32)
    engine = {"name": "numpy", "scripts": scripts}
    made = bp.Trainer(bp.Network([bp.layers.dense(1)], inputs=2), "mae", {"name": "sgd", "lr": 0.1}, engine=engine)
    made.metrics = []
    made.fit(x, y, epochs=6, batch_size=300_000, shuffle=False)
    assert made.parameters["dense_1/bias"] == pytest.approx(-0.6, rel=1e-6)


class InTraining:
    training = need_dx = True


@pytest.mark.parametrize("kind", ["batch_norm", "layer_norm"])
def test_normalisation_of_many_numbers_far_from_0(kind):
    """Mean 1000 and deviation 1 become 0 and 1, less what eps takes."""
    x = (np.random.default_rng(0).normal(size=(2**17, 2)) + 1000).astype(np.float32)
    layer = getattr(bp.layers, kind)(eps=1e-12)
    x = x if kind == "batch_norm" else np.ascontiguousarray(x.T)
    params, _ = layer.init(np.random.default_rng(0), x.shape[1:])
    y, cache = layer.forward(params, x, InTraining())
    axis = 0 if kind == "batch_norm" else 1
    assert np.abs(y.mean(axis=axis, dtype=np.float64)).max() < 1e-6
    np.testing.assert_allclose(y.std(axis=axis, dtype=np.float64), 1, atol=2e-6)
    if kind == "batch_norm":
        np.testing.assert_allclose(cache[2], x.mean(axis=0, dtype=np.float64), rtol=1e-7)
