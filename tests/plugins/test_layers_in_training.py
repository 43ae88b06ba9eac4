"""A network with each layer learns, is saved, is traced and is repeated from its seed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import bpframe as bp
from bpframe.registry import registry
from tests.plugins.layer_cases import Array


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
LINE, IMAGE = {"name": "reshape", "shape": [6, 1]}, {"name": "reshape", "shape": [3, 2, 1]}
TANH = {"kernel_size": 3, "padding": "same", "activation": "tanh"}
POSITIONS = "positional"
NETS: dict[str, list[Any]] = {
    "dense": [hidden(), END],
    "activation": [{"name": "dense", "units": 16}, {"name": "activation", "activation": "relu"}, END],
    "standardize": ["standardize", hidden(), END],
    "cutpoints": [hidden(), {"name": "dense", "units": 1}, {"name": "cutpoints", "classes": 6}, END],
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
    "select": [{"name": "select", "columns": [5, 0, 3, 1, 2, -2]}, hidden(), END],
    "sequential": [{"name": "sequential", "layers": ["standardize", hidden(), "batch_norm"]}, hidden(), END],
    "gaussian_latent": [hidden(), {"name": "gaussian_latent", "units": 8, "strength": 1e-3}, hidden(), END],
    "mixture_of_experts": [{"name": "mixture_of_experts", "experts": [hidden(), hidden()]}, END],
    "weight_norm": [{"name": "weight_norm", "layer": hidden()}, END],
    "spectral_norm": [{"name": "spectral_norm", "layer": hidden()}, END],
    "conv1d": [LINE, {"name": "conv1d", "filters": 8, "activation": "relu"}, "flatten", hidden(), END],
    "conv2d": [IMAGE, {"name": "conv2d", "filters": 8, "kernel_size": 2, "activation": "tanh"}, "flatten", END],
    "separable_conv2d": [
        IMAGE,
        {"name": "separable_conv2d", "filters": 8, "padding": "same"},
        "flatten",
        hidden(),
        END,
    ],
    "conv_transpose1d": [LINE, {"name": "conv_transpose1d", "filters": 4, "stride": 2}, "flatten", hidden(), END],
    "conv_transpose2d": [IMAGE, {"name": "conv_transpose2d", "filters": 4}, "flatten", hidden(), END],
    "max_pool1d": [LINE, {"name": "max_pool1d", "stride": 1}, "flatten", hidden(), END],
    "max_pool2d": [IMAGE, {"name": "max_pool2d", "stride": 1}, "flatten", hidden(), END],
    "avg_pool1d": [LINE, {"name": "avg_pool1d", "stride": 1}, "flatten", hidden(), END],
    "avg_pool2d": [IMAGE, {"name": "avg_pool2d", "pool_size": [2, 1], "stride": 1}, "flatten", hidden(), END],
    "global_max_pool": [LINE, {"name": "conv1d", "filters": 16, "padding": 2}, POSITIONS, "global_max_pool", END],
    "global_avg_pool": [LINE, POSITIONS, {"name": "conv1d", "filters": 16, **TANH}, "global_avg_pool", END],
    "upsample": [IMAGE, "upsample", "flatten", hidden(), END],
    "zero_pad": [IMAGE, "zero_pad", "flatten", hidden(), END],
    "space_to_depth": [{"name": "reshape", "shape": [6, 1]}, "space_to_depth", "flatten", hidden(), END],
    "spatial_dropout": [IMAGE, {"name": "spatial_dropout", "rate": 0.1}, "flatten", hidden(), END],
    "group_norm": [{"name": "reshape", "shape": [3, 2]}, "group_norm", "flatten", hidden(), END],
    "rnn": [LINE, {"name": "rnn", "units": 16}, END],
    "gru": [LINE, {"name": "gru", "units": 16}, END],
    "lstm": [LINE, {"name": "lstm", "units": 16}, END],
    "bidirectional": [LINE, {"name": "bidirectional", "layer": {"name": "gru", "units": 8}}, END],
    "attention": [LINE, hidden(8), "positional", {"name": "attention", "heads": 2}, "flatten", hidden(), END],
    "positional": [LINE, hidden(8), "positional", hidden(8), "flatten", END],
    "transformer_block": [LINE, hidden(8), "positional", {"name": "transformer_block", "heads": 2}, "flatten", END],
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
