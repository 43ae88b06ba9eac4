"""XLA's convolutions in the loop of engine jax: the order of axes that is fast on a CPU.  Shapes: x (B, *S, C)."""

from __future__ import annotations

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import bpframe as bp
from bpframe.engine.jax import compiled_step, xla_convolution, xla_side_by_side  # noqa: F401  # bring JAX's forms
from bpframe.ops import Windows, convolve_dw, convolve_dx
from tests.plugins.layer_cases import TRAINING

L = bp.layers
FAST = {"b0f_0io->b0f", "b01f_01io->b01f"}  # rows, space, channels; anywhere else XLA writes plain loops
CASES = [
    (L.conv2d(6), (9, 9, 4)),
    (L.conv2d(6, 3, 2, "same"), (9, 8, 4)),
    (L.conv2d(6, 3, padding=2, dilation=2), (9, 8, 4)),
    (L.conv2d(6, 3, padding=((2, 2), (3, 1))), (9, 8, 4)),
    (L.conv1d(6, 5, 2), (21, 4)),
    (L.conv1d(6, 3, padding=4), (7, 4)),
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
    assert orders  # products take the place of some
    assert set(orders) <= FAST


WAYS = [  # batch, space, channels, windows
    (21, (5, 4), 16, Windows((2, 2), (2, 2), (1, 1), ((0, 0), (0, 0)))),
    (21, (7, 8), 17, Windows((2, 1), (3, 2), (1, 1), ((1, 0), (2, 3)))),
    (21, (9,), 16, Windows((2,), (3,), (1,), ((2, 1),))),
    (21, (5, 4), 16, Windows((3, 2), (1, 1), (1, 2), ((1, 1), (0, 2)))),
    (16, (5, 6), 16, Windows((3, 3), (2, 1), (1, 1), ((1, 1), (3, 0)))),
    (7, (3, 3, 4), 16, Windows((2, 2, 1), (2, 2, 2), (1, 1, 1), ((0, 1), (0, 0), (0, 0)))),
]


@pytest.mark.parametrize("pieces", [4, 100])
@pytest.mark.parametrize(("batch", "space", "channels", "windows"), WAYS)
def test_both_ways_back_are_those_of_the_host_in_whatever_pieces(batch, space, channels, windows, pieces, monkeypatch):
    monkeypatch.setattr(xla_side_by_side, "POSITIONS", pieces)
    monkeypatch.setattr(xla_convolution, "PIECE", (pieces, pieces))
    rng, positions = np.random.default_rng(0), windows.positions(space)
    x, dy = rng.normal(size=(batch, *space, channels)), rng.normal(size=(batch, *positions, 3))
    w = rng.normal(size=(*windows.size, channels, 3))
    with jax.enable_x64(True):
        dx = jax.jit(lambda dy, w: convolve_dx(dy, w, windows, space))(jnp.asarray(dy), jnp.asarray(w))
        dw = jax.jit(lambda x, dy: convolve_dw(x, dy, windows))(jnp.asarray(x), jnp.asarray(dy))
    np.testing.assert_allclose(dx, convolve_dx(dy, w, windows, space), atol=1e-11)
    np.testing.assert_allclose(dw, convolve_dw(x, dy, windows), atol=1e-11)
