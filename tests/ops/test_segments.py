"""Sums of the rows that share a number."""

import array_api_strict
import jax
import jax.numpy as jnp
import numpy as np

import bpframe as bp
from bpframe import ops
from bpframe.engine.jax import compiled_step  # whose import gives JAX's form
from bpframe.network.context import StepContext
from bpframe.ops.segments import SEGMENT_SUM
from bpframe.random import HashKey

X = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
NUMBERS = np.random.default_rng(1).integers(0, 6, 40).astype(np.int32)


def expected(count):
    total = np.zeros((count, 3))
    np.add.at(total, NUMBERS, X.astype(float))
    return total


def test_every_library_gives_the_sums_of_each_number():
    assert SEGMENT_SUM[jnp] is compiled_step.SEGMENT_SUM[jnp]
    strict = ops.segment_sum(array_api_strict.asarray(X), array_api_strict.asarray(NUMBERS), 9)
    compiled = jax.jit(ops.segment_sum, static_argnums=2)(jnp.asarray(X), jnp.asarray(NUMBERS), 9)
    for got in (ops.segment_sum(X, NUMBERS, 9), np.asarray(strict), np.asarray(compiled)):
        assert got.dtype == np.float32
        np.testing.assert_allclose(got, expected(9), rtol=1e-5, atol=1e-6)


def test_no_rows_give_zeros():
    assert not ops.segment_sum(X[:0], NUMBERS[:0], 4).any()
    assert ops.segment_sum(X[:0], NUMBERS[:0], 4).shape == (4, 3)


def test_a_large_table_trains_as_a_small_one_does(monkeypatch):
    ids = np.random.default_rng(2).integers(0, 9, (24, 4))

    def fitted(rows):
        network = bp.Network([bp.layers.embedding(9, 3), "flatten", bp.layers.dense(2)])
        trainer = bp.Trainer(network, "softmax_cross_entropy", "adam", dtype="float64", seed=1)
        trainer.fit(ids, ids[:, 0] % 2, epochs=12, batch_size=rows, verbose=0)
        return trainer.parameters["embedding_1/weight"]

    small = fitted(8)
    monkeypatch.setattr("bpframe_layers.embedding.ONE_HOT", 0)
    monkeypatch.setattr("bpframe.engine.numpy.tracing.program_cache._programs", {})
    np.testing.assert_allclose(fitted(8), small, rtol=1e-9, atol=1e-12)
    assert bp.testing.check_layer(bp.layers.embedding(6, 3)).run


def test_ids_in_a_compiled_step_are_added_up_too(monkeypatch):
    monkeypatch.setattr("bpframe_layers.embedding.ONE_HOT", 0)
    layer, x, dy = bp.layers.embedding(6, 3), np.array([[0.0, 2], [2, 5]]), np.ones((2, 2, 3), np.float32)
    weight = {"weight": np.zeros((6, 3), np.float32)}
    got = jax.jit(lambda dy: layer.backward(weight, jnp.asarray(x), dy, StepContext(True, True, HashKey(0, 0)))[1])(dy)
    np.testing.assert_array_equal(got["weight"][:, 0], [1, 0, 2, 0, 0, 1])
