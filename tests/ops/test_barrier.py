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

COMPARING = [
    (bp.activations.maxout(2), (6,)),
    (bp.layers.max_pool1d(2), (6, 3)),
    (bp.layers.max_pool2d(2, stride=1), (4, 4, 3)),
    (bp.layers.global_max_pool(), (6, 3)),
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
