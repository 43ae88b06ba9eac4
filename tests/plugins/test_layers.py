"""The layers: gradients in training and evaluation, the law of each, layers inside layers, and what a trainer makes.

Sizes: B rows of 5 numbers, or of (2, 3).
"""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import bpframe as bp
from bpframe import tree
from bpframe.errors import ConfigError, NumericalError, ShapeError
from bpframe.network.context import EVALUATION, StepContext
from bpframe.network.network import Network
from bpframe.protocols import Fit, Refresh
from bpframe.random import HashKey
from bpframe.registry import registry
from bpframe.testing import check_gradient, check_layer
from bpframe_activations.relu import Relu
from bpframe_activations.softmax import Softmax
from bpframe_activations.tanh import Tanh
from bpframe_initializers.glorot_uniform import GlorotUniform
from bpframe_initializers.normal import Normal
from bpframe_initializers.zeros import Zeros
from bpframe_layers.activation import ActivationLayer
from bpframe_layers.alpha_dropout import AlphaDropout
from bpframe_layers.batch_norm import BatchNorm
from bpframe_layers.dense import Dense
from bpframe_layers.dropout import Dropout
from bpframe_layers.embedding import Embedding
from bpframe_layers.flatten import Flatten
from bpframe_layers.gaussian_noise import GaussianNoise
from bpframe_layers.layer_norm import LayerNorm
from bpframe_layers.parallel import Parallel
from bpframe_layers.reshape import Reshape
from bpframe_layers.residual import Residual
from bpframe_layers.rms_norm import RmsNorm
from bpframe_layers.sequential import Sequential
from bpframe_layers.standardize import Standardize

Array = np.ndarray[Any, Any]
KEY = HashKey(17, 4)
TRAINING = StepContext(training=True, need_dx=True, root=KEY)
ROW, BLOCK = (5,), (2, 3)


@dataclass(frozen=True)
class Product:
    """v = the first half of u times the second: an activation that halves the width, as glu does."""

    def init(self, rng: Any, in_shape: Any) -> Any:
        return {}, (in_shape[0] // 2,)

    def forward(self, params: Any, x: Any, context: Any) -> Any:
        n = x.shape[1] // 2
        return x[:, :n] * x[:, n:], x

    def backward(self, params: Any, cache: Any, dy: Any, context: Any) -> Any:
        n = cache.shape[1] // 2
        return np.concatenate([dy * cache[:, n:], dy * cache[:, :n]], axis=1), {}


CASES: list[tuple[Any, tuple[int, ...]]] = [
    (Dense(3), ROW),
    (Dense(3, Tanh(), bias=False), ROW),
    (Dense(4, Softmax()), ROW),
    (Dense(1, Relu()), (1,)),
    (ActivationLayer(Tanh()), BLOCK),
    (ActivationLayer(Softmax()), ROW),
    (Standardize(), ROW),
    (Standardize(), BLOCK),
    (Dropout(), ROW),
    (Dropout(0.1), BLOCK),
    (Dropout(0.9), (40,)),
    (AlphaDropout(), ROW),
    (AlphaDropout(0.5), BLOCK),
    (GaussianNoise(), ROW),
    (GaussianNoise(2.0), BLOCK),
    (BatchNorm(), ROW),
    (BatchNorm(0.0, 0.1), (1,)),
    (BatchNorm(center=False), BLOCK),
    (BatchNorm(scale=False), (2, 3, 2)),
    (BatchNorm(center=False, scale=False), ROW),
    (LayerNorm(), ROW),
    (LayerNorm(0.1), BLOCK),
    (LayerNorm(center=False), (2, 2, 4)),
    (LayerNorm(scale=False), BLOCK),
    (RmsNorm(), ROW),
    (RmsNorm(0.1), BLOCK),
    (RmsNorm(scale=False), (2, 2, 3)),
    (RmsNorm(0.5), (1,)),
    (Flatten(), ROW),
    (Flatten(), (2, 3, 2)),
    (Reshape((3, 2)), BLOCK),
    (Reshape((-1,)), BLOCK),
    (Reshape((1, -1, 1)), ROW),
    (Sequential((Dense(4, Tanh()), Dense(3))), ROW),
    (Sequential((Dropout(), Dense(4, Tanh()), BatchNorm(), LayerNorm(), Dense(2))), ROW),
    (Sequential((Standardize(), Flatten(), Dense(3))), BLOCK),
    (Residual((Dense(5, Tanh()),)), ROW),
    (Residual((BatchNorm(), Dense(4, Tanh()), Dropout(), Dense(5))), ROW),
    (Residual((LayerNorm(), ActivationLayer(Tanh()))), BLOCK),
    (Parallel((Dense(3, Tanh()), Dense(2))), ROW),
    (Parallel((Dense(3), BatchNorm()), "concat"), ROW),
    (Parallel((RmsNorm(), Dropout(), LayerNorm()), "concat"), BLOCK),
    (Parallel((Dense(3, Tanh()), Dense(3), Dense(3)), "sum"), ROW),
    (Parallel((Standardize(), Sequential((BatchNorm(), ActivationLayer(Tanh())))), "sum"), BLOCK),
    (Sequential((Residual((Parallel((Dense(2, Tanh()), Dense(3, Tanh())), "concat"), BatchNorm())), Dense(2))), ROW),
    (Embedding(6, 3), (2,)),
    (Dense(6, Product()), ROW),  # the kit wants activations that have a name
    (Sequential((Embedding(6, 3), Flatten(), Dense(2))), (2,)),  # and has no ids for what holds an embedding
]
IDS = [f"{type(layer).__name__} {k} {shape}" for k, (layer, shape) in enumerate(CASES)]
STARTS = {"GlorotUniform": GlorotUniform, "Normal": Normal, "Zeros": Zeros}
of_any_layer = pytest.mark.parametrize(("layer", "shape"), CASES, ids=IDS)


def rows(layer: Any, shape: tuple[int, ...], count: int = 4, seed: int = 0) -> Array:
    """Normal numbers, or whole ones from 0 to 5 where ids are looked up."""
    rng = np.random.default_rng(seed)
    if "Embedding" in repr(layer):
        return rng.integers(0, 6, (count, *shape)).astype(np.float64)
    return rng.normal(size=(count, *shape))


def drawn(layer: Any, shape: tuple[int, ...], dtype: Any = np.float64, seed: int = 0) -> Any:
    """Initial parameters, all moved a little, so that no scale is 1 and no shift 0."""
    rng = np.random.default_rng(seed + 1)
    made, _ = layer.init(np.random.default_rng(seed), shape)
    return tree.transform(made, lambda leaf: (leaf + 0.1 * rng.normal(size=leaf.shape)).astype(dtype))


def given(layer: Any, x: Array, params: Any = None, context: Any = TRAINING) -> Any:
    """y alone."""
    return layer.forward({} if params is None else params, x, context)[0]


# gradients


@pytest.mark.parametrize(("layer", "shape"), CASES[:-2], ids=IDS[:-2])
def test_a_layer_keeps_the_laws_of_the_kit_gradients_in_training_and_in_evaluation_among_them(layer, shape):
    assert {"init", "need_dx", "purity", "determinism", "dtype", "float32"} <= set(check_layer(layer, shape).passed)


@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize(("layer", "shape"), CASES[-2:], ids=IDS[-2:])
def test_gradients_of_what_the_kit_cannot_make_are_those_of_forward(layer, shape, training):
    context, params, x = StepContext(training, True, KEY), drawn(layer, shape), rows(layer, shape)
    y, cache = layer.forward(params, x, context)
    dy = np.random.default_rng(9).normal(size=y.shape)
    dx, gradients = layer.backward(params, cache, dy, context)

    def value(at: Array, path: tuple[str, ...] | None = None) -> float:
        moved = tree.transform(params, lambda leaf: leaf)
        if path:
            tree.assign(moved, path, at)
        return float(np.sum(dy * given(layer, x if path else at, moved, context)))

    check_gradient(value, lambda at: dx, x)
    for path, leaf in tree.leaves(params):
        if "buffers" not in path:
            found = tree.at(gradients, path)
            check_gradient(lambda at, path=path: value(at, path), lambda at, found=found: found, leaf)


@pytest.mark.parametrize("count", [0, 1])
@of_any_layer
def test_no_rows_and_one_row_pass_in_float32_and_stay_finite(layer, shape, count):
    params, x = drawn(layer, shape, np.float32), rows(layer, shape, count).astype(np.float32)
    _, out = layer.init(np.random.default_rng(0), shape)
    for training in (True, False):
        context = StepContext(training, True, KEY)
        y, cache = layer.forward(params, x, context)
        dx, gradients = layer.backward(params, cache, np.ones_like(y), context)
        assert (y.shape, dx.shape) == ((count, *out), x.shape)
        after = layer.refresh(params, cache) if training and isinstance(layer, Refresh) else {}
        for array in (y, dx, *(leaf for _, leaf in (*tree.leaves(gradients), *tree.leaves(after)))):
            assert array.dtype == np.float32
            assert np.isfinite(array).all()


@of_any_layer
def test_without_need_dx_no_dx_is_made_where_that_saves_work(layer, shape):
    context, params, x = StepContext(True, False, KEY), drawn(layer, shape), rows(layer, shape)
    y, cache = layer.forward(params, x, context)
    dx, gradients = layer.backward(params, cache, np.ones_like(y), context)
    assert dx is None or not list(tree.leaves(gradients))


# chance


CHANCE = [Dropout(0.3), AlphaDropout(0.3), GaussianNoise(0.5)]
of_chance = pytest.mark.parametrize("layer", CHANCE, ids=lambda layer: type(layer).__name__)


@of_chance
def test_equal_keys_draw_alike_and_every_other_step_layer_and_row_draws_otherwise(layer):
    x = np.ones((2, 50))
    first = given(layer, x)
    np.testing.assert_array_equal(given(layer, x), first)
    for key in (KEY.child(1), KEY.child(2), KEY.child("dropout_1")):
        assert (given(layer, x, context=StepContext(True, True, key)) != first).any()
    assert (first[0] != first[1]).any()


@of_chance
def test_evaluation_draws_nothing_and_is_the_identity_both_ways(layer):
    x, dy = rows(layer, ROW), rows(layer, ROW, seed=1)
    y, cache = layer.forward({}, x, EVALUATION)
    np.testing.assert_array_equal(y, x)
    np.testing.assert_array_equal(layer.backward({}, cache, dy, EVALUATION)[0], dy)


@pytest.mark.parametrize("layer", [Dropout(0), AlphaDropout(0), GaussianNoise(0)], ids=repr)
def test_at_rate_or_stddev_0_training_is_the_identity_both_ways(layer):
    x, dy = rows(layer, ROW), rows(layer, ROW, seed=1)
    y, cache = layer.forward({}, x, TRAINING)
    np.testing.assert_array_equal(y, x)
    np.testing.assert_array_equal(layer.backward({}, cache, dy, TRAINING)[0], dy)


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.8])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dropout_drops_the_share_rate_and_scales_what_it_keeps(rate, dtype):
    x = np.random.default_rng(0).normal(size=(200, 1000)).astype(dtype)
    y = given(Dropout(rate), x)
    dropped = y == 0
    assert abs(dropped.mean() - rate) < 5 * math.sqrt(rate * (1 - rate) / x.size)
    assert abs(dropped.mean(axis=0) - rate).max() < 6 * math.sqrt(rate * (1 - rate) / 200)
    np.testing.assert_allclose(y[~dropped], x[~dropped] / (1 - rate), rtol=4 * np.finfo(dtype).eps)


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.8])
def test_dropout_keeps_the_expected_value_over_steps(rate):
    x = np.array([[1.0, -2.0, 0.5, 30.0]])
    steps = 1500
    mean = sum(given(Dropout(rate), x, context=StepContext(True, True, KEY.child(step))) for step in range(steps))
    error = abs(mean / steps - x) / abs(x)
    assert error.max() < 5 * math.sqrt(rate / (1 - rate) / steps)


def test_dropout_lets_neighbours_drop_out_independently():
    dropped = given(Dropout(0.5), np.ones((2000, 20))) == 0
    correlation = np.corrcoef(dropped.T) - np.eye(20)
    assert abs(correlation).max() < 6 / math.sqrt(2000)


@pytest.mark.parametrize("rate", [0.05, 0.2, 0.5, 0.9])
def test_alpha_dropout_keeps_mean_0_and_variance_1(rate):
    x = np.random.default_rng(5).normal(size=(1000, 500))
    y = given(AlphaDropout(rate), x)
    fourth = float(np.mean((y - y.mean()) ** 4))
    assert abs(y.mean()) < 5 / math.sqrt(y.size)
    assert abs(y.var() - 1) < 5 * math.sqrt(fourth / y.size)
    plain = given(Dropout(rate), x)
    assert abs(plain.var() - 1) > 10 * math.sqrt(fourth / y.size)  # which dropout does not


def test_alpha_dropout_drops_to_the_limit_of_selu_whose_constants_solve_the_fixed_point():
    root, e = math.sqrt(math.e), math.e**2
    one, two = math.erfc(1 / math.sqrt(2)), math.erfc(math.sqrt(2))
    alpha = -math.sqrt(2 / math.pi) / (one * root - 1)
    inside = 2 * two * e + math.pi * one**2 * math.e - 2 * (2 + math.pi) * one * root + math.pi + 2
    scale = (1 - one * root) * math.sqrt(2 * math.pi) / math.sqrt(inside)
    x = np.array([[1.0], [2.0]]) + np.zeros(400)
    y = given(AlphaDropout(0.3), x)
    slope = (y[1].max() - y[0].max()) / 1.0  # kept: a x + b
    shift = y[0].max() - slope
    found = sorted(np.unique(y.round(12)))
    assert found == pytest.approx([-slope * scale * alpha + shift, slope + shift, 2 * slope + shift])


@pytest.mark.parametrize("stddev", [0.1, 3.0])
def test_gaussian_noise_is_normal_with_its_stddev(stddev):
    noise = (given(GaussianNoise(stddev), np.full((1000, 400), 2.0)) - 2.0) / stddev
    n = noise.size
    assert abs(noise.mean()) < 5 / math.sqrt(n)
    assert abs(noise.var() - 1) < 5 * math.sqrt(2 / n)
    assert abs((noise < 1).mean() - 0.8413447460685429) < 5 * math.sqrt(0.1335 / n)


# norms


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


# shapes


def test_flatten_and_reshape_keep_the_order_of_numbers_and_take_dy_back():
    x = np.arange(24.0).reshape(2, 3, 4)
    for layer, want in ((Flatten(), (2, 12)), (Reshape((2, -1)), (2, 2, 6)), (Reshape((12,)), (2, 12))):
        y, cache = layer.forward({}, x, TRAINING)
        assert y.shape == want
        np.testing.assert_array_equal(y.ravel(), np.arange(24))
        np.testing.assert_array_equal(layer.backward({}, cache, y * 2, TRAINING)[0], x * 2)


@pytest.mark.parametrize(("shape", "row"), [((4,), (5,)), ((2, -1), (5,)), ((2, 2), (2, 3)), ((-1, 4), (2, 3))])
def test_reshape_refuses_rows_that_do_not_fit(shape, row):
    with pytest.raises(ShapeError, match=r"reshape needs rows that fit into .*, got .* numbers"):
        Reshape(shape).init(np.random.default_rng(0), row)


@pytest.mark.parametrize("layer", [BatchNorm(), LayerNorm(), RmsNorm()], ids=lambda layer: type(layer).__name__)
def test_a_norm_refuses_rows_without_an_axis(layer):
    with pytest.raises(ShapeError, match="needs rows with an axis of features"):
        layer.init(np.random.default_rng(0), ())


def test_dense_gives_rows_as_wide_as_its_activation_makes_them():
    params, out = Network([Dense(6, Product()), Dense(2)]).init(0, ROW)
    assert params["dense_2"]["weight"].shape == (3, 2)
    assert out == (2,)


# ids


def test_an_embedding_is_indexing_and_its_gradient_a_sum_over_equal_ids():
    layer, ids = Embedding(6, 3), np.random.default_rng(2).integers(0, 6, (40, 2))
    weight = np.random.default_rng(3).normal(size=(6, 3))
    dy = np.random.default_rng(4).normal(size=(40, 2, 3))
    y, cache = layer.forward({"weight": weight}, ids.astype(np.float32), TRAINING)
    np.testing.assert_array_equal(y, weight[ids])
    want = np.zeros((6, 3))
    np.add.at(want, ids, dy)
    dx, gradients = layer.backward({"weight": weight}, cache, dy, TRAINING)
    np.testing.assert_allclose(gradients["weight"], want, rtol=1e-12)
    np.testing.assert_array_equal(dx, np.zeros((40, 2)))


def test_an_embedding_starts_with_variance_1_and_an_initializer_sees_a_fan_in_of_1():
    spread = [
        bp.layers.embedding(300, 40, **settings).init(np.random.default_rng(0), (1,))[0]["weight"].var()
        for settings in ({}, {"weight_initializer": "he_normal"})
    ]
    assert spread == pytest.approx([1.0, 2.0], rel=5 * math.sqrt(2 / 12000))


def test_ids_are_rounded_so_that_no_float_error_picks_a_neighbour():
    weight = np.arange(4.0)[:, None]
    y = given(Embedding(4, 1), np.array([[0.0, 2.9999998, 1.0000002, -0.0]]), {"weight": weight})
    np.testing.assert_array_equal(y[0, :, 0], [0.0, 3.0, 1.0, 0.0])


@pytest.mark.parametrize("stranger", [-1.0, 4.0, 1e9, -1e30, np.nan, np.inf])
def test_an_id_outside_the_table_is_nan_in_its_own_place_and_has_no_gradient(stranger):
    layer, weight = Embedding(4, 2), np.ones((4, 2))
    y, cache = layer.forward({"weight": weight}, np.array([[0.0, stranger], [3.0, 1.0]]), TRAINING)
    np.testing.assert_array_equal(np.isnan(y).all(axis=2), [[False, True], [False, False]])
    assert np.isnan(y).sum() == 2
    gradient = layer.backward({"weight": weight}, cache, np.ones((2, 2, 2)), TRAINING)[1]["weight"]
    np.testing.assert_array_equal(gradient[:, 0], [1.0, 1.0, 0.0, 1.0])


def test_training_on_an_id_outside_the_table_stops_and_names_the_layer():
    x, y = np.array([[0.0], [1.0], [7.0]]), np.array([0.0, 1.0, 2.0])
    network = bp.Network(
        [{"name": "embedding", "num_embeddings": 3, "embedding_dim": 2}, "flatten", bp.layers.dense(1)]
    )
    with pytest.raises(NumericalError, match="layer 'embedding_1'"):
        bp.Trainer(network, loss="mse").fit(x, y, epochs=1)


# standardize


@pytest.mark.parametrize("shape", [ROW, BLOCK], ids=str)
def test_standardize_learns_mean_0_and_deviation_1_for_every_place_of_a_row(shape):
    x = 7 + 3 * rows(Standardize(), shape, 50)
    x[:, 0] = 4.25
    params = Standardize().fit(Standardize().init(np.random.default_rng(0), shape)[0], x)
    y = given(Standardize(), x, params, EVALUATION)
    np.testing.assert_array_equal(y[:, 0], np.zeros_like(y[:, 0]))
    np.testing.assert_allclose(y.mean(axis=0), 0, atol=1e-13)
    np.testing.assert_allclose(y[:, 1:].std(axis=0), 1, rtol=1e-12)


def test_standardize_is_fitted_wherever_it_stands_to_what_reaches_it_there():
    hidden = bp.layers.dense(4, activation="tanh")
    outer = bp.layers.sequential(["standardize", hidden, "standardize"])
    inner = bp.layers.residual([hidden, "standardize"])
    sides = bp.layers.parallel(["standardize", bp.layers.sequential([hidden, "standardize"])], join="sum")
    x = 5 + 2 * np.random.default_rng(0).normal(size=(30, 4))
    trainer = bp.Trainer(bp.Network([outer, inner, sides, bp.layers.dense(1)]), loss="mse", dtype="float64")
    trainer.trace(x, x[:, 0])  # makes parameters, fits nothing
    start = trainer.parameters.copy()
    trainer.fit(x, x[:, 0], epochs=1, batch_size=30)
    learned = trainer.parameters

    def after_dense(name: str, v: Array) -> Array:
        return np.tanh(v @ start[f"{name}/weight"] + start[f"{name}/bias"])

    def expect(name: str, v: Array) -> Array:
        np.testing.assert_allclose(learned[f"{name}/buffers/mean"], v.mean(axis=0), rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(learned[f"{name}/buffers/scale"], 1 / v.std(axis=0), rtol=1e-12)
        return (v - v.mean(axis=0)) / v.std(axis=0)

    v = expect("sequential_1/standardize_1", x)
    v = expect("sequential_1/standardize_2", after_dense("sequential_1/dense_1", v))
    v = v + expect("residual_1/standardize_1", after_dense("residual_1/dense_1", v))
    expect("parallel_1/standardize_1", v)
    expect("parallel_1/sequential_1/standardize_1", after_dense("parallel_1/sequential_1/dense_1", v))


# layers inside layers


def dense_pass(params: Any, x: Array, dy: Array) -> tuple[Array, Array, Any]:
    """(y, dx, gradients) of tanh(x w + b), by hand."""
    y = np.tanh(x @ params["weight"] + params["bias"])
    delta = dy * (1 - y**2)
    return y, delta @ params["weight"].T, {"weight": x.T @ delta, "bias": delta.sum(axis=0)}


def same(found: Any, want: Any) -> None:
    """Two trees of arrays agree."""
    found, want = tree.flatten(found), tree.flatten(want)
    assert found.keys() == want.keys()
    for name, array in want.items():
        np.testing.assert_allclose(found[name], array, rtol=1e-12, atol=1e-14)


def both_ways(layer: Any, params: Any, x: Array, dy: Array) -> Any:
    """{y, dx, gradients} as one tree."""
    y, cache = layer.forward(params, x, TRAINING)
    dx, gradients = layer.backward(params, cache, dy, TRAINING)
    return {"y": y, "dx": dx, **gradients}


def test_sequential_and_residual_are_the_composition_by_hand():
    layers = (Dense(4, Tanh()), Dense(5, Tanh()))
    params, x, dy = drawn(Sequential(layers), ROW), rows(Dense(1), ROW), rows(Dense(1), ROW, seed=1)
    middle = np.tanh(x @ params["dense_1"]["weight"] + params["dense_1"]["bias"])
    y, dmiddle, second = dense_pass(params["dense_2"], middle, dy)
    _, dx, first = dense_pass(params["dense_1"], x, dmiddle)
    same(both_ways(Sequential(layers), params, x, dy), {"y": y, "dx": dx, "dense_1": first, "dense_2": second})
    same(both_ways(Residual(layers), params, x, dy), {"y": x + y, "dx": dy + dx, "dense_1": first, "dense_2": second})


def test_parallel_is_its_branches_side_by_side_or_added_by_hand():
    x, dy = rows(Dense(1), ROW), rows(Dense(1), (6,), seed=1)
    uneven, even = Parallel((Dense(2, Tanh()), Dense(4, Tanh()))), Parallel((Dense(6, Tanh()), Dense(6, Tanh())), "sum")
    for layer, parts in ((uneven, (dy[:, :2], dy[:, 2:])), (even, (dy, dy))):
        params = drawn(layer, ROW)
        one, two = (dense_pass(params[f"dense_{k}"], x, part) for k, part in enumerate(parts, start=1))
        y = np.concatenate([one[0], two[0]], axis=1) if layer is uneven else one[0] + two[0]
        same(both_ways(layer, params, x, dy), {"y": y, "dx": one[1] + two[1], "dense_1": one[2], "dense_2": two[2]})


def test_layers_in_a_sequential_train_to_the_bits_of_the_same_layers_in_the_network():
    layers = ["standardize", bp.layers.dense(8, activation="tanh"), "batch_norm", bp.layers.dense(6), "layer_norm"]
    flat, nested = bp.Network(layers), bp.Network([bp.layers.sequential(layers[:3]), bp.layers.sequential(layers[3:])])
    x = np.random.default_rng(0).normal(3, 2, size=(50, 4))
    y = np.random.default_rng(1).integers(0, 6, 50)
    one, two = (bp.Trainer(n, "softmax_cross_entropy", {"name": "adam", "lr": 0.01}) for n in (flat, nested))
    for trainer in (one, two):
        trainer.trace(x, y)
    places = ("standardize_1", "dense_1", "batch_norm_1"), ("dense_2", "layer_norm_1")
    inside = {label: f"sequential_{k}/{label}" for k, labels in enumerate(places, start=1) for label in labels}
    inside["dense_2"] = "sequential_2/dense_1"  # numbers start again in each
    names = {name: inside[name.split("/")[0]] + name[name.index("/") :] for name in one.parameters}
    for name, inner in names.items():
        two.parameters[inner] = one.parameters[name]
    for trainer in (one, two):
        trainer.fit(x, y, epochs=4, batch_size=16)
    assert one.history.train["loss"] == two.history.train["loss"]
    for name, inner in names.items():
        np.testing.assert_array_equal(two.parameters[inner], one.parameters[name])
    assert (one.parameters["batch_norm_1/buffers/mean"] != 0).all()


def test_running_statistics_inside_layers_follow_training_at_every_depth():
    deep = bp.layers.residual([bp.layers.parallel([bp.layers.sequential(["batch_norm"]), "dropout"], join="sum")])
    x = np.random.default_rng(0).normal(5, 2, size=(20, 3))
    trainer = bp.Trainer(bp.Network([deep, bp.layers.dense(1)]), loss="mse", dtype="float64")
    trainer.fit(x, x[:, 0], epochs=3, batch_size=20)
    name = "residual_1/parallel_1/sequential_1/batch_norm_1/buffers"
    np.testing.assert_allclose(trainer.parameters[f"{name}/mean"], (1 - 0.9**3) * x.mean(axis=0), rtol=1e-12)
    spread = 0.9**3 + (1 - 0.9**3) * x.var(axis=0, ddof=1)
    np.testing.assert_allclose(trainer.parameters[f"{name}/variance"], spread, rtol=1e-12)


def test_a_layer_that_holds_layers_has_the_capabilities_and_traits_of_those():
    for hold in (
        lambda *inside: Sequential(inside),
        lambda *inside: Residual(inside),
        lambda *inside: Parallel(inside),
    ):
        plain = hold(Dense(3))
        assert not isinstance(plain, Refresh | Fit)
        assert not plain.stochastic
        assert isinstance(hold(Dense(3), hold(BatchNorm())), Refresh)
        assert isinstance(hold(hold(Standardize()), Dense(3)), Fit)
        assert hold(hold(Dropout())).stochastic


def test_each_layer_inside_draws_for_itself_by_its_label():
    x = np.ones((3, 40))
    layer = Parallel((Dropout(), Dropout(), Sequential((Dropout(), ActivationLayer(Relu())))))
    one, two, three = np.split(given(layer, x), 3, axis=1)
    assert (one != two).any()
    assert (one != three).any()
    for y, key in ((one, KEY.child("dropout_1")), (three, KEY.child("sequential_1").child("dropout_1"))):
        np.testing.assert_array_equal(y, given(Dropout(), x, context=StepContext(True, True, key)))
    spared = layer.forward({}, x, StepContext(True, False, KEY))[0]
    np.testing.assert_array_equal(spared, np.concatenate([one, two, three], axis=1))


class Spy:
    """The identity, which notes whether it was asked for dx on the way back."""

    def __init__(self, trained: bool, buffers: bool = False) -> None:
        self.trained, self.buffers = trained, buffers
        self.asked: list[bool] = []

    def init(self, rng: Any, in_shape: Any) -> Any:
        params = {"shift": np.zeros(1)} if self.trained else {}
        return {**params, **({"buffers": {"mean": np.zeros(1)}} if self.buffers else {})}, in_shape

    def forward(self, params: Any, x: Any, context: Any) -> Any:
        return x, None

    def backward(self, params: Any, cache: Any, dy: Any, context: Any) -> Any:
        self.asked.append(context.need_dx)
        return (dy if context.need_dx else None), ({"shift": dy.sum()[None]} if self.trained else {})


@pytest.mark.parametrize("hold", [Sequential, Residual])
def test_without_need_dx_the_way_back_ends_at_the_lowest_layer_with_something_to_train(hold):
    spies = (Spy(False, buffers=True), Spy(True), Spy(False), Spy(True))
    layer = hold(spies)
    params, _ = layer.init(np.random.default_rng(0), ROW)
    params = tree.nest(tree.flatten(params))  # as a trainer hands them out: without empty branches
    for need_dx in (True, False):
        context = StepContext(True, need_dx, KEY)
        y, cache = layer.forward(params, np.ones((2, 5)), context)
        dx, gradients = layer.backward(params, cache, y, context)
        assert (dx is not None) == need_dx
        assert tree.flatten(gradients).keys() == {"spy_2/shift", "spy_4/shift"}
    assert [spy.asked for spy in spies] == [[True], [True, False], [True, True], [True, True]]


def test_labels_inside_are_made_as_in_a_network():
    layers = [bp.layers.dense(5), "dropout", bp.layers.dense(5, label="middle"), {"name": "dense", "units": 5}]
    for layer in (bp.layers.sequential(layers), bp.layers.residual(layers), bp.layers.parallel(layers)):
        params, _ = layer.init(np.random.default_rng(0), ROW)
        assert tuple(params) == bp.Network(layers).labels == ("dense_1", "dropout_1", "middle", "dense_3")


@pytest.mark.parametrize("hold", ["sequential", "residual", "parallel"])
def test_layers_inside_need_different_labels_and_there_must_be_one(hold):
    make, twice = getattr(bp.layers, hold), [bp.layers.dense(2, label="a"), bp.layers.dense(2, label="a")]
    with pytest.raises(ConfigError, match=f"{hold} needs a different label for each layer"):
        make(twice)
    with pytest.raises(ConfigError, match=f"{hold} needs at least one"):
        make([])


def test_shapes_that_do_not_fit_inside_are_told_with_the_way_to_the_layer():
    bad = bp.layers.sequential(["flatten", bp.layers.reshape([2, 3]), bp.layers.dense(2)])
    with pytest.raises(
        ShapeError, match=r"^layer 1 \('sequential_1'\): layer 3 \('dense_1'\): .* before it, 'reshape_1'"
    ):
        bp.Network([bad]).init(0, (6,))
    with pytest.raises(ShapeError, match=r"residual needs layers that keep the shape of a row, \(6,\), .* \(2,\)"):
        bp.layers.residual([bp.layers.dense(2)]).init(np.random.default_rng(0), (6,))
    with pytest.raises(ShapeError, match=r"branch 'dense_1': dense needs rows of one axis"):
        bp.layers.parallel([bp.layers.dense(2)]).init(np.random.default_rng(0), BLOCK)
    with pytest.raises(ShapeError, match=r"join 'sum' needs outputs of one shape, got \[\(2,\), \(3,\)\]"):
        Parallel((Dense(2), Dense(3)), "sum").init(np.random.default_rng(0), ROW)
    with pytest.raises(ShapeError, match="join 'concat' needs outputs of one shape but for the last axis"):
        Parallel((Reshape((1, 5)), Dense(3))).init(np.random.default_rng(0), ROW)


# settings


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        *[(name, {"rate": rate}) for name in ("dropout", "alpha_dropout") for rate in (1.0, 1, -0.1, 1.5, math.nan)],
        ("gaussian_noise", {"stddev": -1.0}),
        *[("batch_norm", {"momentum": momentum}) for momentum in (1.0, -0.1)],
        *[(name, {"eps": eps}) for name in ("batch_norm", "layer_norm", "rms_norm") for eps in (0.0, -1e-5)],
        *[("reshape", {"shape": shape}) for shape in ((-1, -1), (0, 2), (-2,), 6, (2.5,))],
        *[("embedding", {"num_embeddings": k, "embedding_dim": m}) for k, m in ((0, 2), (2, 0), (2, -1))],
        ("parallel", {"branches": ["dropout"], "join": "mean"}),
        ("dense", {"units": 0}),
    ],
)
def test_a_setting_out_of_range_is_a_config_error(name, settings):
    with pytest.raises(ConfigError):
        getattr(bp.layers, name)(**settings)
    with pytest.raises(ConfigError):
        registry.load("layer", name)(**settings)


@of_any_layer
def test_repr_makes_an_equal_layer(layer, shape):
    if "Product" not in repr(layer):
        assert eval(repr(layer), {**globals(), **STARTS}) == layer


# through a trainer


def blobs(count: int = 90) -> tuple[Array, Array]:
    """Three clouds of 6 numbers, and their numbers."""
    rng = np.random.default_rng(0)
    y = np.arange(count) % 3
    return rng.normal(size=(count, 6)) + 3 * np.eye(6)[2 * y], y


def codes(count: int = 90) -> tuple[Array, Array]:
    """Two ids from 0 to 4; the class is their sum modulo 3."""
    x = np.random.default_rng(0).integers(0, 5, (count, 2))
    return x.astype(np.float64), x.sum(axis=1) % 3


def hidden(units: int = 16) -> dict[str, Any]:
    return {"name": "dense", "units": units, "activation": "tanh"}


END = {"name": "dense", "units": 3}
NETS: dict[str, list[Any]] = {
    "dense": [hidden(), END],
    "activation": [{"name": "dense", "units": 16}, {"name": "activation", "activation": "relu"}, END],
    "standardize": ["standardize", hidden(), END],
    "dropout": [{"name": "dropout", "rate": 0.1}, hidden(), "dropout", END],
    "alpha_dropout": [{"name": "dense", "units": 16, "activation": "elu"}, "alpha_dropout", END],
    "gaussian_noise": ["gaussian_noise", hidden(), END],
    "batch_norm": [{"name": "dense", "units": 16}, "batch_norm", {"name": "activation", "activation": "relu"}, END],
    "layer_norm": [hidden(), "layer_norm", END],
    "rms_norm": [hidden(), "rms_norm", END],
    "flatten": [{"name": "reshape", "shape": [2, 3]}, "batch_norm", "flatten", hidden(), END],
    "reshape": [hidden(), {"name": "reshape", "shape": [4, -1]}, "layer_norm", {"name": "reshape", "shape": [-1]}, END],
    "residual": [hidden(), {"name": "residual", "layers": ["batch_norm", hidden(), "dropout"]}, END],
    "parallel": [{"name": "parallel", "branches": [hidden(8), "standardize"]}, END],
    "sum": [{"name": "parallel", "branches": [hidden(8), {"name": "dense", "units": 8}], "join": "sum"}, END],
    "sequential": [{"name": "sequential", "layers": ["standardize", hidden(), "batch_norm"]}, hidden(), END],
    "embedding": [{"name": "embedding", "num_embeddings": 5, "embedding_dim": 4}, "flatten", hidden(), END],
}


@dataclass(frozen=True)
class Fitted:
    """A trainer, what it was fitted to, and how good it was before."""

    trainer: Any
    x: Array
    y: Array
    before: float


@pytest.fixture(scope="module", params=NETS)
def fitted(request: pytest.FixtureRequest) -> Fitted:
    x, y = codes() if request.param == "embedding" else blobs()
    trainer = bp.Trainer(bp.Network(NETS[request.param]), "softmax_cross_entropy", {"name": "adam", "lr": 0.02}, seed=1)
    trainer.trace(x, y)
    before = trainer.trace(x, y).loss
    trainer.fit(x, y, epochs=60, batch_size=16)
    return Fitted(trainer, x, y, before)


def test_a_net_with_the_layer_learns(fitted):
    after = fitted.trainer.evaluate(fitted.x, fitted.y)
    assert after["loss"] < 0.25 * fitted.before
    assert after["accuracy"] > 0.9


def test_a_saved_model_predicts_the_same_bits(fitted, tmp_path):
    fitted.trainer.save(tmp_path / "model.safetensors")
    again = bp.Trainer.load(tmp_path / "model.safetensors")
    assert again.network.labels == fitted.trainer.network.labels
    for name, array in fitted.trainer.parameters.items():
        assert again.parameters[name].tobytes() == array.tobytes()
    assert again.predict(fitted.x).tobytes() == fitted.trainer.predict(fitted.x).tobytes()


def test_a_trace_has_one_record_for_each_layer_of_the_network(fitted):
    trace = fitted.trainer.trace(fitted.x, fitted.y)
    assert [record.name for record in trace.layers] == list(fitted.trainer.network.labels)
    assert trace.loss == pytest.approx(fitted.trainer.evaluate(fitted.x, fitted.y)["loss"], rel=1e-6)
    for below, above in zip(trace.layers, trace.layers[1:], strict=False):
        np.testing.assert_array_equal(below.v, above.x)
    assert "loss" in str(trace)


def test_training_again_from_the_same_seed_gives_the_same_bits(fitted):
    network = bp.Network([layer for _, layer in fitted.trainer.network.layers])
    again = bp.Trainer(network, "softmax_cross_entropy", {"name": "adam", "lr": 0.02}, seed=1)
    again.fit(fitted.x, fitted.y, epochs=60, batch_size=16)
    assert again.history.train["loss"] == fitted.trainer.history.train["loss"]


def test_every_bundled_layer_is_trained_here():
    assert set(NETS) - {"sum"} == {p.name for p in registry.providers("layer") if p.dist == "bpframe"}
