"""Barriers: what is compared with something made of it has the same bits in both places."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import bpframe as bp
from bpframe import ops
from bpframe.engine.jax import loops  # whose import gives JAX's form
from bpframe.network.context import StepContext
from bpframe.ops.barrier import BARRIER
from bpframe.random import HashKey

CONTEXT = StepContext(True, True, HashKey(0, 0))

LARGEST = [
    *((bp.activations.maxout(pieces), (12,)) for pieces in (2, 3, 6)),
    (bp.layers.max_pool1d(3), (30, 4)),
    (bp.layers.max_pool2d(2), (9, 9, 4)),
    (bp.layers.max_pool2d(3, stride=2, padding="same"), (9, 9, 4)),
    (bp.layers.global_max_pool(), (12, 10, 4)),
]
COMPARING = [
    (bp.activations.maxout(2), (6,)),
    (bp.layers.mixture_of_experts([bp.layers.dense(2), bp.layers.dense(2)], top_k=1), (3,)),
]


def test_an_array_passes_as_it_is():
    x = np.arange(6.0)
    assert ops.barrier(x) is x
    assert BARRIER[jnp] is loops.BARRIER[jnp]
    np.testing.assert_array_equal(ops.barrier(jnp.asarray(x)), x)
    assert jax.grad(lambda x: (ops.barrier(x) ** 2).sum())(jnp.ones(3)).tolist() == [2, 2, 2]


@pytest.mark.parametrize(("layer", "shape"), COMPARING, ids=lambda value: type(value).__name__)
def test_what_looks_for_the_largest_number_has_a_barrier_in_a_compiled_step(layer, shape):
    params, _ = layer.init(np.random.default_rng(0), shape)
    x = jnp.ones((2, *shape))
    program = jax.make_jaxpr(lambda x: layer.forward(params, x, CONTEXT)[0])(x)
    assert "optimization_barrier" in str(program)


@pytest.mark.parametrize("rows", [16, 64, 128, 1000])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_row_hands_its_slope_to_one_piece_of_maxout(rows, dtype):
    rng = np.random.default_rng(0)
    for pieces in (3, 4, 5, 6, 8):
        layer = bp.activations.maxout(pieces)
        x, w, b = (rng.normal(size=shape).astype(dtype) for shape in ((rows, 1), (1, pieces), (pieces,)))

        @jax.jit
        def slopes(x, w, b, layer=layer):
            v, cache = layer.forward({}, x * w + b, CONTEXT)
            return layer.backward({}, cache, jnp.ones_like(v), CONTEXT)[0].sum(axis=0)

        assert float(slopes(x, w, b).sum()) == rows


@pytest.mark.parametrize(("layer", "shape"), LARGEST, ids=str)
def test_no_slope_is_lost_behind_a_norm_that_the_compiler_computes_anew(layer, shape):
    norm = bp.layers.batch_norm()
    params, _ = norm.init(np.random.default_rng(0), shape)

    @jax.jit
    def handed_back(params, x):
        u, _ = norm.forward(params, x, CONTEXT)
        y, cache = layer.forward({}, jnp.maximum(u, 0), CONTEXT)
        return y, layer.backward({}, cache, jnp.ones_like(y), CONTEXT)[0]

    for rows in (16, 64, 333):
        x = np.random.default_rng(rows).normal(size=(rows, *shape))
        for dtype in ("float32", "float64"):
            with jax.enable_x64(dtype == "float64"):
                operands = jax.tree.map(lambda each, dtype=dtype: jnp.asarray(each, dtype), (params, x))
                y, dx = handed_back(*operands)
                assert float(np.sum(dx)) == pytest.approx(y.size, rel=1e-6)


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_engines_agree_where_the_largest_numbers_stand(axis):
    x = np.random.default_rng(0).integers(0, 3, size=(4, 5, 3)).astype("float32")
    want = ops.where_largest(x, x.max(axis), axis)
    assert want.sum() > x.max(axis).size  # several alike: all count
    np.testing.assert_array_equal(ops.where_largest(jnp.asarray(x), jnp.asarray(x.max(axis)), axis), want)


def test_the_first_of_the_largest_numbers_counts_where_none_equals_the_maximum():
    x = jnp.asarray([[1.0, 3.0, 2.0, 3.0]])
    here = ops.where_largest(x, jnp.nextafter(x.max(axis=1), 4.0), 1)
    assert here.tolist() == [[False, True, False, False]]
