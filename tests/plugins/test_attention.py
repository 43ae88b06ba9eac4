"""Attention, blocks and positions: numbers of PyTorch, what a step sees, padding that counts nothing.

Shapes: x (B, T, n).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bpframe as bp
from bpframe import tree
from bpframe.errors import ConfigError, ShapeError
from tests.plugins.layer_cases import TRAINING, drawn, given

GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "attention.npz")
L = bp.layers
CASES: dict[str, Any] = {
    "attention": L.attention(2),
    "causal": L.attention(3, causal=True),
    "block": L.transformer_block(2, 7, causal=True),
}
DRAWS = np.random.default_rng(6)


@pytest.mark.parametrize("case", CASES)
def test_outputs_and_slopes_are_those_of_pytorch(case):
    found = {name.removeprefix(f"{case}/"): GOLDEN[name] for name in GOLDEN if name.startswith(f"{case}/")}
    own = {name for name in found if f"d/{name}" in found}
    params = tree.nest({name: found[name] for name in own})
    y, cache = CASES[case].forward(params, found["x"], TRAINING)
    dx, gradients = CASES[case].backward(params, cache, found["dy"], TRAINING)
    np.testing.assert_allclose(y, found["y"], rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(dx, found["dx"], rtol=1e-9, atol=1e-10)
    slopes = tree.flatten(gradients)
    assert slopes.keys() == own
    for name, slope in slopes.items():
        np.testing.assert_allclose(slope, found[f"d/{name}"], rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("layer", [L.attention(2, causal=True, rotary=True), L.transformer_block(2, causal=True)])
def test_a_causal_step_sees_nothing_that_comes_later(layer):
    x = DRAWS.normal(size=(1, 6, 4))
    params, changed = drawn(layer, (6, 4)), x.copy()
    changed[0, 4] += 1.0
    before, after = given(layer, x, params), given(layer, changed, params)
    np.testing.assert_allclose(before[:, :4], after[:, :4], rtol=0, atol=1e-14)
    assert not np.allclose(before[:, 4:], after[:, 4:])


def test_rotary_scores_depend_on_distances_alone():
    layer = L.attention(1, rotary=True, bias=False)
    row = DRAWS.normal(size=(1, 1, 4))
    x = np.repeat(row, 7, axis=1)
    _, cache = layer.forward(drawn(layer, (7, 4)), x, TRAINING)
    q, k = cache[1], cache[2]
    scores = (q @ np.swapaxes(k, -1, -2))[0, 0]
    for distance in range(-6, 7):
        along = np.diagonal(scores, distance)
        np.testing.assert_allclose(along, along[0], rtol=1e-12)


@pytest.mark.parametrize(
    "layer", [L.attention(2, mask_zeros=True), L.transformer_block(2, mask_zeros=True, rotary=True)]
)
def test_padding_of_zeros_changes_no_other_step_and_stays_zero(layer):
    short = DRAWS.normal(size=(3, 4, 4))
    long = np.concatenate([short, np.zeros((3, 2, 4))], axis=1)
    params = drawn(layer, (6, 4))
    y, cache = layer.forward(params, long, TRAINING)
    np.testing.assert_allclose(y[:, :4], given(layer, short, params), rtol=1e-12, atol=1e-12)
    assert not y[:, 4:].any()
    slopes = DRAWS.normal(size=y.shape)
    other = slopes.copy()
    other[:, 4:] = 9.0
    found = [tree.flatten(layer.backward(params, cache, dy, TRAINING)[1]) for dy in (slopes, other)]
    assert all(np.array_equal(found[0][name], found[1][name]) for name in found[0])


def test_positions_are_sines_and_cosines_of_one_angle_in_pairs():
    y = given(L.positional("sinusoidal"), np.zeros((1, 5, 6)))[0]
    for t in range(5):
        for i in range(3):
            angle = t / 10000 ** (2 * i / 6)
            np.testing.assert_allclose(y[t, 2 * i : 2 * i + 2], [np.sin(angle), np.cos(angle)], rtol=1e-12, atol=1e-15)


def test_both_ways_stand_side_by_side():
    layer, x = L.bidirectional(L.gru(2, sequences=True)), DRAWS.normal(size=(2, 4, 3))
    params = drawn(layer, (4, 3))
    y = given(layer, x, params)
    back = given(L.gru(2, sequences=True), x[:, ::-1], params["backward"])[:, ::-1]
    assert np.array_equal(y[..., :2], given(L.gru(2, sequences=True), x, params["forward"]))
    np.testing.assert_allclose(y[..., 2:], back, rtol=1e-12)


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (L.attention(2), (4,), r"attention needs rows of steps, \(steps, numbers\), got \(4,\)"),
        (L.attention(3), (5, 4), "numbers a step that 3 heads share, got 4. Give it a width"),
        (L.attention(2, rotary=True), (5, 6), "heads share in pairs, got 6"),
        (L.positional(), (4,), "positional needs rows of steps"),
        (L.transformer_block(3), (5, 4), "3 heads share"),
    ],
)
def test_rows_that_do_not_fit_are_refused(layer, shape, message):
    with pytest.raises(ShapeError, match=message):
        layer.init(np.random.default_rng(0), shape)


def test_settings_that_make_no_sense_are_refused():
    with pytest.raises(ConfigError, match=r"bidirectional needs a recurrent layer .* got Dense"):
        L.bidirectional(L.dense(3))
    with pytest.raises(ConfigError, match="an even width for rotary"):
        L.attention(2, width=3, rotary=True)
