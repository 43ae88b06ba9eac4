"""XLA's convolutions in the loop of engine jax: the order of axes that is fast on a CPU.  Shapes: x (B, *S, C)."""

from __future__ import annotations

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import bpframe as bp
from bpframe.engine.jax import compiled_step  # noqa: F401  # brings JAX's forms
from tests.plugins.layer_cases import TRAINING

L = bp.layers
FAST = {"b0f_0io->b0f", "b01f_01io->b01f"}  # rows, space, channels; anywhere else XLA writes plain loops
CASES = [
    (L.conv2d(6), (9, 9, 4)),
    (L.conv2d(6, 3, 2, "same"), (9, 8, 4)),
    (L.conv2d(6, 3, padding=2, dilation=2), (9, 8, 4)),
    (L.conv1d(6, 5, 2), (21, 4)),
    (L.conv_transpose2d(6, 2, 2), (5, 5, 4)),
]


@pytest.mark.parametrize(("layer", "shape"), CASES)
def test_in_a_loop_every_convolution_and_its_slopes_have_the_order_that_xla_is_fast_with(layer, shape):
    rng = np.random.default_rng(0)
    params, _ = layer.init(rng, shape)
    params = jax.tree.map(lambda p: jnp.asarray(p, jnp.float32), params)

    def step(_, values):
        x, params = values
        y, cache = layer.forward(params, x, TRAINING)
        dx, gradients = layer.backward(params, cache, y, TRAINING)
        return x - dx, jax.tree.map(lambda p, g: p - g, params, gradients)

    x = jnp.asarray(rng.normal(size=(3, *shape)), jnp.float32)
    program = jax.jit(lambda count, values: jax.lax.fori_loop(0, count, step, values))
    text = program.lower(2, (x, params)).compile().as_text()
    orders = re.findall(r" convolution\(.*dim_labels=(\S+?),", text)
    assert len(orders) >= 2  # a product with columns takes the place of some
    assert set(orders) <= FAST
