"""Normalization layers are their formulas, and running statistics follow their closed form."""

from __future__ import annotations

import math
import statistics
from pathlib import Path

import numpy as np
import pytest

import bpframe as bp
from bpframe import tree
from bpframe.errors import ConfigError, ShapeError
from bpframe.network.context import EVALUATION, StepContext
from bpframe_layers.batch_norm import BatchNorm
from bpframe_layers.layer_norm import LayerNorm
from bpframe_layers.rms_norm import RmsNorm
from tests.plugins.layer_cases import BLOCK, KEY, ROW, TRAINING, drawn, given, rows


def normed(numbers: list[float], eps: float, centred: bool) -> list[float]:
    """Divided by their root mean square, after the mean was taken off, in plain Python."""
    middle = math.fsum(numbers) / len(numbers) if centred else 0.0
    square = math.fsum((v - middle) ** 2 for v in numbers) / len(numbers)
    return [(v - middle) / math.sqrt(square + eps) for v in numbers]


@pytest.mark.parametrize("eps", [1e-5, 0.5])
@pytest.mark.parametrize("shape", [ROW, BLOCK, (1,), (2, 3, 2)], ids=str)
@pytest.mark.parametrize("kind", [LayerNorm, RmsNorm])
def test_layer_and_rms_norm_are_those_of_each_rows_last_axis_in_plain_numbers(kind, shape, eps):
    layer, x = kind(eps=eps), 3 + 2 * rows(kind(), shape)
    params = drawn(layer, shape)
    want = [normed(row, eps, kind is LayerNorm) for row in x.reshape(-1, shape[-1]).tolist()]
    affine = np.array(want) * params["scale"] + params.get("shift", 0)
    for context in (TRAINING, EVALUATION):
        np.testing.assert_allclose(given(layer, x, params, context), affine.reshape(x.shape), rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("shape", [ROW, BLOCK, (2, 3, 2)], ids=str)
def test_batch_norm_is_that_of_each_feature_over_the_batch_in_plain_numbers(shape):
    layer, x = BatchNorm(eps=0.01), 3 + 2 * rows(BatchNorm(), shape)
    params = drawn(layer, shape)
    columns = [normed(column, 0.01, True) for column in x.reshape(-1, shape[-1]).T.tolist()]
    want = np.array(columns).T * params["scale"] + params["shift"]
    np.testing.assert_allclose(given(layer, x, params), want.reshape(x.shape), rtol=1e-11, atol=1e-13)


def test_what_batch_norm_gives_has_mean_0_and_variance_1_for_each_feature():
    x = np.random.default_rng(1).normal(size=(60, 4, 3)) * [0.1, 1.0, 50.0] + [100.0, -3.0, 0.0]
    params, _ = BatchNorm().init(np.random.default_rng(0), (4, 3))
    y = given(BatchNorm(eps=1e-12), x, params)
    np.testing.assert_allclose(y.mean(axis=(0, 1)), 0, atol=1e-12)
    np.testing.assert_allclose(y.var(axis=(0, 1)), 1, rtol=1e-9)


@pytest.mark.parametrize("momentum", [0.0, 0.9, 0.99])
def test_running_statistics_are_the_sums_of_their_closed_form(momentum):
    layer = BatchNorm(momentum)
    params, _ = layer.init(np.random.default_rng(0), (2,))
    np.testing.assert_array_equal(params["buffers"]["mean"], np.zeros(2))
    np.testing.assert_array_equal(params["buffers"]["variance"], np.ones(2))
    batches = [np.random.default_rng(k).normal(k, 1 + k, size=(3 + k, 2)) for k in range(6)]
    for x in batches:
        params = layer.refresh(params, layer.forward(params, x, TRAINING)[1])
    share = [(1 - momentum) * momentum ** (5 - k) for k in range(6)]
    for j in range(2):
        columns = [x[:, j].tolist() for x in batches]
        middle = sum(w * statistics.fmean(column) for w, column in zip(share, columns, strict=True))
        spread = sum(w * statistics.variance(column) for w, column in zip(share, columns, strict=True))
        assert params["buffers"]["mean"][j] == pytest.approx(middle, rel=1e-12)
        assert params["buffers"]["variance"][j] == pytest.approx(momentum**6 + spread, rel=1e-12)


def test_evaluation_uses_the_running_statistics_and_refresh_alone_changes_them():
    layer, x = BatchNorm(eps=0.01), rows(BatchNorm(), ROW)
    params = drawn(layer, ROW)
    before = tree.transform(params, np.copy)
    y, cache = layer.forward(params, x, EVALUATION)
    layer.backward(params, cache, y, EVALUATION)
    _, cache = layer.forward(params, x, TRAINING)
    layer.backward(params, cache, y, TRAINING)
    after = layer.refresh(params, cache)
    for name, array in tree.flatten(before).items():
        np.testing.assert_array_equal(tree.flatten(params)[name], array)
    assert after["scale"] is params["scale"]
    assert (after["buffers"]["mean"] != params["buffers"]["mean"]).all()
    running = params["buffers"]
    for i, j in np.ndindex(x.shape):
        z = (x[i, j] - running["mean"][j]) / math.sqrt(running["variance"][j] + 0.01)
        assert y[i, j] == pytest.approx(params["scale"][j] * z + params["shift"][j], rel=1e-12)


def test_one_row_gives_the_shift_moves_the_running_mean_and_leaves_the_variance():
    layer, x = BatchNorm(0.75), np.array([[4.0, -8.0]])
    params = drawn(layer, (2,))
    y, cache = layer.forward(params, x, TRAINING)
    np.testing.assert_array_equal(y, params["shift"][None, :])
    np.testing.assert_array_equal(layer.backward(params, cache, np.ones_like(x), TRAINING)[0], [[0.0, 0.0]])
    old, new = params["buffers"], layer.refresh(params, cache)["buffers"]
    np.testing.assert_allclose(new["mean"], 0.75 * old["mean"] + 0.25 * x[0], rtol=1e-15)
    np.testing.assert_array_equal(new["variance"], old["variance"])


def test_no_rows_leave_the_running_statistics():
    params = drawn(BatchNorm(), ROW)
    after = BatchNorm().refresh(params, BatchNorm().forward(params, np.zeros((0, 5)), TRAINING)[1])
    for name, array in params["buffers"].items():
        np.testing.assert_array_equal(after["buffers"][name], array)


@pytest.mark.parametrize("kind", [BatchNorm, LayerNorm])
@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize("scale", [True, False])
def test_center_and_scale_say_which_parameters_there_are(kind, center, scale):
    params, _ = kind(center=center, scale=scale).init(np.random.default_rng(0), BLOCK)
    assert params.keys() - {"buffers"} == {
        name for name, is_wanted in (("shift", center), ("scale", scale)) if is_wanted
    }
    assert all(leaf.shape == (3,) for _, leaf in tree.leaves(params))


@pytest.mark.parametrize("layer", [BatchNorm(), LayerNorm(), RmsNorm()], ids=lambda layer: type(layer).__name__)
def test_a_norm_refuses_rows_without_an_axis(layer):
    with pytest.raises(ShapeError, match="needs rows with an axis of features"):
        layer.init(np.random.default_rng(0), ())


# ------------------------------------------------------------------------------------------- conventions of libraries

GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "norms.npz")
L = bp.layers
DIGITS = {  # Keras computes norms in float32, whatever its float type
    "torch": {"rtol": 1e-10, "atol": 1e-10},
    "keras": {"rtol": 1e-5, "atol": 1e-6},
}


@pytest.mark.parametrize("library", ["torch", "keras"])
def test_batch_norm_of_a_convention_is_the_librarys_with_its_defaults(library):
    layer, found = L.batch_norm(convention=library), {name: GOLDEN[f"{library}_batch/{name}"] for name in ("y", "mean")}
    params, _ = layer.init(np.random.default_rng(0), GOLDEN["x"].shape[2:])
    for k, x in enumerate(GOLDEN["x"]):
        y, cache = layer.forward(params, x, TRAINING)
        np.testing.assert_allclose(y, found["y"][k], **DIGITS[library])
        params = layer.refresh(params, cache)
        np.testing.assert_allclose(params["buffers"]["mean"], found["mean"][k], **DIGITS[library])
        np.testing.assert_allclose(
            params["buffers"]["variance"], GOLDEN[f"{library}_batch/variance"][k], **DIGITS[library]
        )
    evaluated, _ = layer.forward(params, GOLDEN["x"][0], EVALUATION)
    np.testing.assert_allclose(evaluated, GOLDEN[f"{library}_batch/evaluated"], **DIGITS[library])


@pytest.mark.parametrize("library", ["torch", "keras"])
def test_layer_and_group_norm_of_a_convention_are_the_librarys_with_its_defaults(library):
    for name, layer in (("layer", L.layer_norm(convention=library)), ("group", L.group_norm(2, convention=library))):
        y = given(layer, GOLDEN["x"][0], layer.init(np.random.default_rng(0), (3, 4))[0])
        np.testing.assert_allclose(y, GOLDEN[f"{library}_{name}/y"], **DIGITS[library])


def test_a_mask_leaves_the_variance_of_the_keras_convention_divided_by_its_rows():
    layer, x = L.batch_norm(convention="keras"), GOLDEN["x"][0]
    params, _ = layer.init(np.random.default_rng(0), x.shape[1:])
    _, cache = layer.forward(params, x[:4], TRAINING)
    _, masked = layer.forward(params, x, StepContext(True, True, KEY, mask=np.arange(6) < 4))
    want, found = layer.refresh(params, cache)["buffers"], layer.refresh(params, masked)["buffers"]
    np.testing.assert_allclose(found["variance"], want["variance"], rtol=1e-12)


def test_settings_go_before_their_convention_and_read_as_numbers():
    assert L.batch_norm() == L.batch_norm(momentum=0.9, eps=1e-5)
    assert L.batch_norm(eps=0.1, convention="keras") == BatchNorm(0.99, 0.1, convention="keras")
    with pytest.raises(ConfigError, match="one of torch, keras or nothing, got 'flax'"):
        L.layer_norm(convention="flax")
