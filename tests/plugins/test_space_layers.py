"""Convolution, pooling and other layers over axes of space: numbers of PyTorch, Keras and ONNX, shapes, ties, errors.

Shapes: x (B, *S, C), channels last.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bpframe as bp
from bpframe.errors import ConfigError, ShapeError
from bpframe.network.context import EVALUATION
from tests.plugins.layer_cases import TRAINING, given

GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "space_layers.npz")
L = bp.layers
CASES: dict[str, Any] = {
    "torch_conv2d": L.conv2d(2, 3, 2, 1),
    "torch_conv2d_dilated": L.conv2d(6, (3, 2), padding=(2, 1), dilation=(2, 1), groups=2),
    "torch_depthwise": L.conv2d(8, 3, (1, 2), 1, groups=4),
    "torch_conv1d": L.conv1d(3, 5, 2, 1),
    "torch_conv_transpose2d": L.conv_transpose2d(2, 3, 2, 1, output_padding=1),
    "torch_conv_transpose1d": L.conv_transpose1d(5, 2, 3, dilation=2),
    "torch_max_pool2d": L.max_pool2d(3, 2, 1),
    "torch_avg_pool2d": L.avg_pool2d(3, 2, 1, count_padding=True),
    "torch_avg_pool2d_counted": L.avg_pool2d(3, 2, 1),
    "torch_group_norm": L.group_norm(2),
    "keras_conv2d_same": L.conv2d(2, 3, 2, "same"),
    "keras_conv1d_causal": L.conv1d(3, 3, padding="causal", dilation=2),
    "keras_separable": L.separable_conv2d(3, 3, padding="same", depth_multiplier=2),
    "keras_conv_transpose2d_same": L.conv_transpose2d(2, 3, 2, "same"),
    "keras_avg_pool2d_same": L.avg_pool2d(3, 2, "same"),
    "keras_max_pool2d_same": L.max_pool2d(3, 2, "same"),
    "torch_global_avg_pool": L.global_avg_pool(),
    "keras_upsample": L.upsample((2, 3)),
    "onnx_conv_same": L.conv2d(2, 3, 2, "same"),
    "onnx_avg_pool": L.avg_pool2d(3, 2, 1),
    "onnx_max_pool": L.max_pool2d((2, 3), 2),
    "onnx_space_to_depth": L.space_to_depth(),
}


def test_every_golden_case_is_compared():
    assert {name.split("/")[0] for name in GOLDEN} == CASES.keys()


@pytest.mark.parametrize("case", CASES)
def test_outputs_and_slopes_are_those_of_the_library(case):
    layer = CASES[case]
    found = {name.split("/")[1]: GOLDEN[name] for name in GOLDEN if name.startswith(f"{case}/")}
    params = {name: found[name] for name in ("weight", "bias", "scale", "shift") if name in found}
    if "depthwise" in found:
        kernels = found["depthwise"]
        params |= {"depthwise": {"weight": kernels.reshape(*kernels.shape[:2], 1, -1)}, "weight": found["weight"][0, 0]}
    y, cache = layer.forward(params, found["x"], TRAINING)
    np.testing.assert_allclose(y, found["y"], rtol=1e-10, atol=1e-10)
    if "dy" in found:
        dx, gradients = layer.backward(params, cache, found["dy"], TRAINING)
        np.testing.assert_allclose(dx, found["dx"], rtol=1e-10, atol=1e-10)
        for name, slope in gradients.items():
            slope = slope["weight"] if name == "depthwise" else slope
            np.testing.assert_allclose(slope.ravel(), found[f"d{name}"].ravel(), rtol=1e-10, atol=1e-10)


def test_of_several_largest_numbers_the_first_has_the_slope():
    x = np.zeros((1, 2, 2, 1))
    for layer in (L.max_pool2d(2), L.global_max_pool()):
        y, cache = layer.forward({}, x, TRAINING)
        dx, _ = layer.backward({}, cache, np.ones_like(y), TRAINING)
        assert dx[0, :, :, 0].tolist() == [[1.0, 0.0], [0.0, 0.0]]


def test_a_causal_convolution_sees_nothing_that_comes_later():
    layer, x = L.conv1d(2, 3, padding="causal"), np.random.default_rng(0).normal(size=(1, 8, 3))
    params, shape = layer.init(np.random.default_rng(0), (8, 3))
    changed = x.copy()
    changed[0, 5] += 1.0
    before, after = given(layer, x, params), given(layer, changed, params)
    assert shape == (8, 2)
    assert np.array_equal(before[:, :5], after[:, :5])
    assert not np.array_equal(before[:, 5], after[:, 5])


def test_spatial_dropout_leaves_out_whole_channels():
    x = np.ones((6, 3, 4, 5))
    y = given(L.spatial_dropout(0.5), x)
    assert set(np.unique(y)) == {0.0, 2.0}
    assert np.array_equal(y, np.broadcast_to(y[:, :1, :1], y.shape))
    assert np.array_equal(given(L.spatial_dropout(0.5), x, context=EVALUATION), x)


@pytest.mark.parametrize(
    "layer", [L.conv2d(3, 3, 2, "same"), L.conv2d(4, 3, padding=2, groups=2), L.conv2d(4, 2, groups=4)]
)
def test_pieces_of_the_columns_change_no_number_but_in_the_last_digits(layer, monkeypatch):
    from bpframe.ops import host_convolution

    rng = np.random.default_rng(0)
    x = rng.normal(size=(5, 9, 8, 4))
    params, shape = layer.init(rng, (9, 8, 4))
    dy = rng.normal(size=(5, *shape))
    found = []
    for size in (2**19, 900):
        monkeypatch.setattr(host_convolution, "BYTES", size)
        y, cache = layer.forward(params, x, TRAINING)
        dx, gradients = layer.backward(params, cache, dy, TRAINING)
        found.append((y, dx, gradients["weight"], gradients["bias"]))
    for whole, parts in zip(*found, strict=True):
        np.testing.assert_allclose(parts, whole, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (L.conv2d(3), (64,), r"conv2d needs rows of 3 axes, \(height, width, channels\), got \(64,\)\. Reshape"),
        (L.conv1d(3), (8, 8, 1), r"conv1d needs rows of 2 axes, .* Take another layer"),
        (L.conv2d(3), (8, 8), r"got \(8, 8\)\. Reshape rows to \(8, 8, 1\), one channel"),
        (L.conv2d(3, 5, 2), (4, 28, 1), r"4 x 28 with kernel 5, stride 2, valid gives 0 x 12.*padding='same'"),
        (
            L.conv2d(3, (5, 2), padding=1),
            (2, 9, 1),
            r"2 x 9 with kernel 5 x 2, padding \(\(1, 1\), \(1, 1\)\) gives 0 x 10",
        ),
        (L.conv2d(4, groups=2), (8, 8, 3), r"needs channels that its groups share alike, got rows \(8, 8, 3\)"),
        (
            L.max_pool2d(4),
            (3, 3, 1),
            r"max_pool2d needs rows in which a window fits: 3 x 3 with kernel 4, stride 4, valid",
        ),
        (L.conv_transpose2d(1, 2, 2, output_padding=2), (3, 3, 1), "needs an output_padding below its stride"),
        (L.group_norm(2), (4, 3), "needs channels that its groups share alike, got 3"),
        (L.space_to_depth(2), (3, 4, 1), r"needs axes of space that 2 divides, got rows \(3, 4, 1\)"),
        (L.upsample((2, 2)), (4, 1), r"needs rows with an axis of space for each of \(2, 2\)"),
        (L.zero_pad(((1, 1),)), (4, 4, 1), "needs rows with an axis of space for each"),
        (L.global_avg_pool(), (4,), r"needs rows with axes of space, \(..., channels\), got \(4,\)"),
    ],
)
def test_rows_that_do_not_fit_are_refused_with_the_arithmetic(layer, shape, message):
    with pytest.raises(ShapeError, match=message):
        layer.init(np.random.default_rng(0), shape)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: L.conv2d(0), "conv2d needs a whole number of at least 1 as filters, got 0"),
        (lambda: L.conv2d(3, groups=2), "needs filters that its groups share alike"),
        (lambda: L.conv2d(3, (3, 3, 3)), "needs one number as kernel_size, or 2, got"),
        (lambda: L.conv2d(3, padding="causal"), "needs one of valid, same as padding"),
        (lambda: L.conv1d(3, padding=(1, 2, 3)), r"a number or a pair \(before, after\) as padding, got \(1, 2, 3\)"),
        (lambda: L.conv2d(3, padding=-1), "a whole number of at least 0 as padding, got -1"),
        (lambda: L.conv_transpose1d(3, padding="causal"), "got 'causal'"),
        (lambda: L.max_pool1d(0), "max_pool1d needs a whole number of at least 1 as pool_size"),
    ],
)
def test_settings_that_make_no_sense_are_refused(make, message):
    with pytest.raises(ConfigError, match=message):
        make()


def test_of_one_axis_a_pair_of_padding_may_stand_by_itself():
    x = np.random.default_rng(0).normal(size=(2, 5, 3))
    for pair, layer in [((2, 0), L.conv1d(4)), ((0, 1), L.max_pool1d(2)), ((1, 0), L.conv_transpose1d(2))]:
        params, _ = layer.init(np.random.default_rng(1), x.shape[1:])
        alone, inside = (replace(layer, padding=each).forward(params, x, EVALUATION)[0] for each in (pair, (pair,)))
        np.testing.assert_array_equal(alone, inside)
