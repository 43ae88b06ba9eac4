"""Every layer keeps the laws of the kit, and has its own: shapes, embedding, standardization, settings."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bpframe as bp
from bpframe import tree
from bpframe.errors import ConfigError, ShapeError
from bpframe.network.context import EVALUATION, StepContext
from bpframe.network.network import Network
from bpframe.protocols import Refresh
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
from tests.plugins.layer_cases import BLOCK, KEY, ROW, TRAINING, Array, drawn, given, rows


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


def test_an_embedding_with_padding_is_that_of_pytorch():
    golden = np.load(Path(__file__).parents[1] / "golden" / "norms.npz")
    layer = bp.layers.embedding(5, 3, padding_idx=2)
    y, cache = layer.forward({"weight": golden["embedding/weight"]}, golden["embedding/x"], TRAINING)
    _, gradients = layer.backward({}, cache, golden["embedding/dy"], TRAINING)
    np.testing.assert_allclose(y, golden["embedding/y"], rtol=1e-12)
    np.testing.assert_allclose(gradients["weight"], golden["embedding/dweight"], rtol=1e-12)
    drawn = layer.init(np.random.default_rng(0), (4,))[0]["weight"]
    assert np.array_equal(np.flatnonzero(~drawn.any(axis=1)), [2])
    with pytest.raises(ConfigError, match="padding_idx below num_embeddings, 5, got 5"):
        bp.layers.embedding(5, 3, padding_idx=5)


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
