"""Layers in a batch some of whose rows do not count: those that count get what they get without them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bpframe import tree
from bpframe.network.context import StepContext
from bpframe.random import HashKey
from bpframe_layers.batch_norm import BatchNorm
from tests.plugins.layer_cases import drawn, rows
from tests.plugins.test_layers import CASES, IDS

KEY = HashKey(1, 2)
RNG = np.random.default_rng(5)
MASK = np.array([True, False, True, True, False, True, True])


@pytest.mark.parametrize(("layer", "shape"), CASES, ids=IDS)
def test_no_layer_lets_a_row_that_does_not_count_reach_another(layer, shape):
    context, p = StepContext(True, True, KEY, mask=MASK), drawn(layer, shape)
    one, other = rows(layer, shape, 7), rows(layer, shape, 7, seed=1)
    other[MASK] = one[MASK]
    (y, cache), (z, kept) = (layer.forward(p, x, context) for x in (one, other))
    np.testing.assert_array_equal(y[MASK], z[MASK])
    dy = np.random.default_rng(2).normal(size=y.shape)
    dy[~MASK] = 0
    (dx, gradients), (dz, others) = (layer.backward(p, each, dy, context) for each in (cache, kept))
    if dx is not None:
        np.testing.assert_allclose(dx[MASK], dz[MASK], rtol=1e-12, atol=1e-14)
    for path, gradient in tree.leaves(gradients):
        np.testing.assert_allclose(gradient, tree.at(others, path), rtol=1e-12, atol=1e-14)


def params() -> Any:
    buffers = {"mean": RNG.normal(size=3), "variance": 1 + RNG.random(3)}
    return {"scale": RNG.normal(size=3), "shift": RNG.normal(size=3), "buffers": buffers}


@pytest.mark.parametrize("shape", [(7, 3), (7, 4, 3)])
@pytest.mark.parametrize("rows", [6, 0], ids=["some", "one"])
def test_batch_norm_gives_rows_that_count_what_they_get_alone(shape, rows):
    layer, p, x = BatchNorm(), params(), RNG.normal(size=shape)
    mask = MASK if rows else np.arange(7) == 2
    x[~mask] = 1e8
    dy = RNG.normal(size=shape)
    dy[~mask] = 0  # no loss of theirs
    masked, alone = StepContext(True, True, KEY, mask=mask), StepContext(True, True, KEY)
    y, cache = layer.forward(p, x, masked)
    wanted, own = layer.forward(p, x[mask], alone)
    np.testing.assert_allclose(y[mask], wanted, rtol=1e-12, atol=1e-13)
    dx, gradients = layer.backward(p, cache, dy, masked)
    dx_alone, gradients_alone = layer.backward(p, own, dy[mask], alone)
    np.testing.assert_allclose(dx[mask], dx_alone, rtol=1e-10, atol=1e-12)
    assert not dx[~mask].any()
    for name in ("scale", "shift"):
        np.testing.assert_allclose(gradients[name], gradients_alone[name], rtol=1e-10, atol=1e-12)
    for name, buffer in layer.refresh(p, own)["buffers"].items():
        np.testing.assert_allclose(layer.refresh(p, cache)["buffers"][name], buffer, rtol=1e-12)


def test_batch_norm_knows_the_slopes_of_all_rows_in_those_that_count():
    """Central differences of sum(c y), where rows that do not count have slopes too."""
    layer, p, x, c = BatchNorm(), params(), RNG.normal(size=(7, 3)), RNG.normal(size=(7, 3))
    context = StepContext(True, True, KEY, mask=MASK)
    dx, _ = layer.backward(p, layer.forward(p, x, context)[1], c, context)
    for i, j in np.ndindex(7, 3):
        step = np.zeros((7, 3))
        step[i, j] = 1e-5
        up, down = (float((c * layer.forward(p, x + s, context)[0]).sum()) for s in (step, -step))
        assert dx[i, j] == pytest.approx((up - down) / 2e-5, rel=1e-6, abs=1e-8)


def test_batch_norm_without_a_row_that_counts_keeps_its_statistics():
    layer, p = BatchNorm(), params()
    _, cache = layer.forward(p, RNG.normal(size=(4, 3)), StepContext(True, True, KEY, mask=np.zeros(4, bool)))
    after = layer.refresh(p, cache)["buffers"]
    for name, buffer in p["buffers"].items():
        np.testing.assert_array_equal(after[name], buffer)
