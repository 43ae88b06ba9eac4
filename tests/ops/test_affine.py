"""Affine maps of rows equal product and sum, whatever order the result has in memory."""

from __future__ import annotations

import numpy as np
import pytest

import bpframe as bp
from bpframe import ops
from bpframe.engine.numpy.tracing.tracer import Graph, Tracer, Value
from bpframe.ops import linalg

RNG = np.random.default_rng(0)


def drawn(rows: int, n: int, m: int, dtype: type = np.float32) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    x, w, b = RNG.standard_normal((rows, n)), RNG.standard_normal((n, m)), RNG.standard_normal(m)
    return x.astype(dtype), w.astype(dtype), b.astype(dtype)


@pytest.mark.parametrize("m", [1, 2, 3, 32, 100, 512, 600])
@pytest.mark.parametrize("rows", [1, 7, 4099, 20_001])
def test_evaluation_and_training_give_product_and_sum(rows, m):
    x, w, b = drawn(rows, 40, m)
    want = x.astype(float) @ w + b
    for training in (True, False):
        for order in "CF":
            np.testing.assert_allclose(ops.affine(np.asarray(x, order=order), w, b, training), want, atol=2e-4)


def test_a_long_result_of_evaluation_lies_row_by_row_and_one_of_training_column_by_column():
    x, w, b = drawn(8_192, 32, 16)
    assert ops.affine(x, w, b, False).flags.c_contiguous
    assert ops.affine(x, w, b, True).flags.f_contiguous
    assert ops.affine(x[:100], w, b, False).flags.f_contiguous
    assert ops.affine(x.astype(float), w.astype(float), b.astype(float), False).flags.f_contiguous


@pytest.mark.parametrize(
    ("rows", "m", "dtype", "columns"),
    [
        (8_192, 16, np.float32, True),
        (8_192, 17, np.float32, False),
        (512, 32, np.float32, True),
        (513, 32, np.float32, False),
        (8_192, 32, np.float64, True),
        (512, 33, np.float32, False),
        (31, 16, np.float32, False),
    ],
)
def test_the_order_of_a_product_follows_from_its_shape_and_dtype(rows, m, dtype, columns):
    for n in (3, 40):
        x, w, _ = drawn(rows, n, m, dtype)
        made = ops.matmul(x, w)
        assert (made.flags.f_contiguous, made.flags.c_contiguous) == (columns, not columns)
        np.testing.assert_allclose(made, x.astype(float) @ w, atol=1e-4)


def test_an_array_that_is_given_stays_as_it_is():
    x, w, b = drawn(linalg.MIN_PRODUCT // 64, 32, 4)
    given = x.copy(), w.copy(), b.copy()
    ops.affine(x, w, b, False)
    assert all(np.array_equal(*pair) for pair in zip((x, w, b), given, strict=True))


def test_without_a_bias_it_is_the_product():
    x, w, _ = drawn(70_000, 20, 8)
    np.testing.assert_array_equal(ops.affine(x, w, None, False), x @ w)


@pytest.mark.parametrize("bias", [np.float32(2), np.ones(1, "f"), np.ones((1, 8), "f"), np.ones((40_001, 1), "f")])
def test_a_bias_of_another_shape_is_added_as_numpy_does(bias):
    x, w, _ = drawn(40_001, 40, 8)
    np.testing.assert_array_equal(ops.affine(x, w, bias, False), ops.affine(x, w, None, False) + bias)


def test_a_recorded_call_has_the_order_of_the_call_itself():
    x, w, b = drawn(8_192, 32, 16)
    for training in (True, False):
        graph = Graph()
        made = ops.affine(*(Tracer(graph, Value(array)) for array in (x, w, b)), training)
        want = ops.affine(x, w, b, training)
        assert made.flags.c_contiguous == want.flags.c_contiguous
        np.testing.assert_array_equal(made.current.example, want)


def test_steps_of_a_frozen_layer_that_evaluates_have_the_same_bits_recorded_or_not():
    x, fits = RNG.standard_normal((2_000, 170), dtype=np.float32), []
    for scripts in (True, False):
        layers = [bp.layers.spectral_norm(bp.layers.dense(7, activation="tanh")), bp.layers.dense(2)]
        engine, frozen = {"name": "numpy", "scripts": scripts}, [{"match": "spectral_norm_1/*", "frozen": True}]
        trainer = bp.Trainer(bp.Network(layers), "softmax_cross_entropy", engine=engine, groups=frozen)
        trainer.fit(x, x[:, 0] > 0, epochs=8, batch_size=1000, verbose=0)
        fits.append(trainer.scores(x).tobytes())
    assert fits[0] == fits[1]
