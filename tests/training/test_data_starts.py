"""Parameters that start from the training inputs, and the starts of layers of sines.  x (N, n) rows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bpframe as bp
from bpframe.errors import IncompatibleComponent

X = np.random.default_rng(0).normal(size=(200, 6)) * np.array([1.0, 5.0, 0.1, 20.0, 1.0, 3.0]) + 2
Y = np.arange(200) % 3
ENGINES = ("numpy", "jax")


def dense(units: int, **settings: Any) -> Any:
    return bp.layers.dense(units, **{"activation": "tanh", "weight_initializer": "lsuv"} | settings)


def fitted(network: bp.Network, engine: str = "numpy", epochs: int = 1, **options: Any) -> bp.Trainer:
    """After steps that move nothing."""
    rate = options.pop("lr", 0.0)
    trainer = bp.Trainer(network, "softmax_cross_entropy", {"name": "sgd", "lr": rate}, engine=engine, dtype="float64")
    trainer.fit(X, Y, epochs=epochs, verbose=0, **options)
    return trainer


@pytest.mark.parametrize("engine", ENGINES)
def test_pre_activations_of_all_layers_start_with_variance_one(engine):
    trainer = fitted(bp.Network(["standardize", dense(8), dense(8), dense(3, activation=None)]), engine)
    v = (X - X.mean(axis=0)) / X.std(axis=0)
    for label in ("dense_1", "dense_2", "dense_3"):
        u = v @ trainer.parameters[f"{label}/weight"]
        assert u.var() == pytest.approx(1, rel=1e-9)
        v = np.tanh(u)


def test_layers_inside_others_start_from_what_reaches_them():
    block = bp.layers.residual([dense(8), "layer_norm", dense(8)])
    branches = bp.layers.parallel([dense(4), bp.layers.sequential([dense(5), dense(4)])], join="sum")
    trainer = fitted(bp.Network([dense(8), block, branches, bp.layers.dense(3)]))
    record = {layer.name: layer for layer in trainer.trace(X, Y).layers}
    into = record["dense_1"].v
    assert (into @ trainer.parameters["residual_1/dense_1/weight"]).var() == pytest.approx(1, rel=1e-9)
    into = record["residual_1"].v
    for name in ("dense_1/weight", "sequential_1/dense_1/weight"):
        assert (into @ trainer.parameters[f"parallel_1/{name}"]).var() == pytest.approx(1, rel=1e-9)


def test_rows_of_weight_0_and_later_fits_start_nothing(tmp_path: Path):
    weight = np.where(np.arange(200) < 150, 1.0, 0.0)
    trainer = fitted(bp.Network([dense(8), bp.layers.dense(3)]), sample_weight=weight)
    w = trainer.parameters["dense_1/weight"]
    assert (X[:150] @ w).var() == pytest.approx(1, rel=1e-9)
    trainer.fit(10 * X, Y, epochs=1, verbose=0)
    np.testing.assert_array_equal(trainer.parameters["dense_1/weight"], w)
    trainer.save(tmp_path / "model.safetensors")
    loaded = bp.Trainer.load(tmp_path / "model.safetensors", optimizer={"name": "sgd", "lr": 0.0})
    loaded.fit(10 * X, Y, epochs=1, verbose=0)
    np.testing.assert_array_equal(loaded.parameters["dense_1/weight"], w)


def test_engines_agree_after_a_start():
    one, other = (fitted(bp.Network([dense(8), dense(3)]), engine, 3, lr=0.1) for engine in ENGINES)
    np.testing.assert_allclose(one.history.train["loss"], other.history.train["loss"], rtol=1e-10)


def test_inputs_of_one_value_alone_leave_the_weights_as_they_were():
    trainer = bp.Trainer(
        bp.Network([dense(4), bp.layers.dense(3)]), "softmax_cross_entropy", {"name": "sgd", "lr": 0.0}
    )
    trainer.fit(np.zeros((200, 6)), Y, epochs=1, verbose=0)
    w = trainer.parameters["dense_1/weight"].astype(np.float64)
    np.testing.assert_allclose(w @ w.T if w.shape[0] < w.shape[1] else w.T @ w, np.eye(4), atol=1e-6)


@dataclass(frozen=True)
class Holder:
    """y = inner(x), as a layer of an earlier bpframe: it hands on no start."""

    inner: bp.protocols.Layer

    def init(self, rng: Any, in_shape: Any) -> Any:
        return self.inner.init(rng, in_shape)

    def forward(self, params: Any, x: Any, context: Any) -> Any:
        return self.inner.forward(params, x, context)

    def backward(self, params: Any, cache: Any, dy: Any, context: Any) -> Any:
        return self.inner.backward(params, cache, dy, context)


def test_a_layer_that_hides_a_start_is_refused():
    with pytest.raises(IncompatibleComponent, match="start"):
        bp.Trainer(bp.Network([Holder(dense(4)), bp.layers.dense(3)]), "softmax_cross_entropy")


def test_arguments_of_sines_are_about_normal_however_deep():
    omega, depth = 30.0, 5
    first = bp.layers.dense(256, activation="sine", weight_initializer={"name": "siren", "first": True})
    hidden = [bp.layers.dense(256, activation="sine", weight_initializer="siren") for _ in range(depth)]
    network = bp.Network([first, *hidden], inputs=2)
    params, v = network.init(0, (2,))[0], np.random.default_rng(1).uniform(-1, 1, size=(500, 2))
    for k, label in enumerate(network.labels):
        angle = omega * (v @ params[label]["weight"] + params[label]["bias"])
        v = np.sin(angle)
        if k > 0:
            assert angle.var() == pytest.approx(1, abs=0.25)


def test_experts_and_branches_of_several_inputs_start_from_what_reaches_them():
    mixed = fitted(bp.Network([bp.layers.mixture_of_experts([dense(4), dense(4)]), bp.layers.dense(3)]))
    branches = [bp.layers.sequential([bp.layers.select(name), dense(4)]) for name in ("a", "b")]
    network = bp.Network([bp.layers.parallel(branches), bp.layers.dense(3)])
    several = bp.Trainer(network, "softmax_cross_entropy", {"name": "sgd", "lr": 0.0}, dtype="float64")
    several.fit({"a": X[:, :2], "b": X[:, 2:]}, Y, epochs=1, verbose=0)
    for k, rows in ((1, X[:, :2]), (2, X[:, 2:])):
        expert = mixed.parameters[f"mixture_of_experts_1/dense_{k}/weight"]
        branch = several.parameters[f"parallel_1/sequential_{k}/dense_1/weight"]
        assert [(X @ expert).var(), (rows @ branch).var()] == pytest.approx([1, 1], rel=1e-9)
