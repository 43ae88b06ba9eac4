"""Parameters that are another one, or its transpose: one array is trained, by the sum of both gradients.

x (N, n) rows, which a network of n - m - n units is to give back; w (n, m), b (m,), c (n,).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bpframe as bp
from bpframe.errors import CheckpointError, ConfigError
from bpframe.runs import config
from bpframe.runs.config.specs import to_tables
from bpframe.saving import tensor_file

X = np.random.default_rng(0).normal(size=(24, 5))
TIE = {"decoder/weight": "encoder/weight.T"}
ENGINES = ("numpy", "jax")


def autoencoder(engine: str = "numpy", tie: Any = TIE, **parts: Any) -> bp.Trainer:
    layers = [bp.layers.dense(3, activation="tanh", label="encoder"), bp.layers.dense(5, label="decoder")]
    parts = {"optimizer": {"name": "sgd", "lr": 0.1}, "dtype": "float64", "engine": engine, "metrics": []} | parts
    return bp.Trainer(bp.Network(layers, tie=tie), "mse", **parts)


def fitted(trainer: bp.Trainer, epochs: int = 8, size: int = 8) -> bp.Trainer:
    trainer.fit(X, X, epochs=epochs, batch_size=size, shuffle=False, verbose=0)
    return trainer


@pytest.mark.parametrize("engine", ENGINES)
def test_the_source_moves_by_the_sum_of_both_gradients(engine):
    trainer, steps = autoencoder(engine), 20  # enough for engine numpy to trace its steps
    start = trainer.network.init(0, (5,))[0]["encoder"]["weight"]
    fitted(trainer, steps, len(X))
    w, b, c = start, np.zeros(3), np.zeros(5)
    for _ in range(steps):
        v = np.tanh(X @ w + b)
        dz = (v @ w.T + c - X) / len(X)
        du = (dz @ w) * (1 - v**2)
        w, b, c = w - 0.1 * (X.T @ du + dz.T @ v), b - 0.1 * du.sum(axis=0), c - 0.1 * dz.sum(axis=0)
    np.testing.assert_allclose(trainer.parameters["encoder/weight"], w, rtol=1e-9)
    np.testing.assert_array_equal(trainer.parameters["decoder/weight"], trainer.parameters["encoder/weight"].T)


RULES: list[dict[str, Any]] = [
    {"optimizer": "adam", "gradient_steps": [{"name": "clip_global_norm", "limit": 0.1}]},
    {"optimizer": {"name": "ema", "inner": "momentum"}, "constraints": [{"name": "max_norm", "limit": 0.5}]},
    {"optimizer": "lamb", "regularizers": ["l2"], "groups": [{"match": "decoder/*", "lr_multiplier": 2.0}]},
    {"optimizer": "lbfgs"},
]


@pytest.mark.parametrize("parts", RULES, ids=["clipped", "averaged", "by array", "objective"])
def test_engines_agree_and_both_names_stay_one_array(parts):
    size = len(X) if parts["optimizer"] == "lbfgs" else 8
    one, other = (fitted(autoencoder(engine, **parts), size=size) for engine in ENGINES)
    for trainer in (one, other):
        np.testing.assert_array_equal(trainer.parameters["decoder/weight"], trainer.parameters["encoder/weight"].T)
    np.testing.assert_allclose(one.history.train["objective"], other.history.train["objective"], rtol=1e-9)
    np.testing.assert_allclose(one.scores(X), other.scores(X), rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("engine", ENGINES)
def test_an_embedding_gives_its_table_to_the_scores(engine):
    layers = [bp.layers.embedding(6, 4, label="tokens"), bp.layers.flatten(), bp.layers.dense(6, label="scores")]
    network = bp.Network(layers, tie={"scores/weight": "tokens/weight.T"})
    trainer = bp.Trainer(network, "softmax_cross_entropy", "adam", engine=engine, dtype="float64")
    ids = np.arange(24)[:, None] % 6
    before = trainer.network.init(0, (1,))[0]["tokens"]["weight"]
    trainer.fit(ids, (ids[:, 0] + 1) % 6, epochs=3, verbose=0)
    table = trainer.parameters["tokens/weight"]
    assert not np.array_equal(table, before)
    np.testing.assert_array_equal(trainer.parameters["scores/weight"], table.T)
    assert sum(int(line.split()[-1]) for line in str(network.summary(1)).splitlines()[1:-1]) == 6 * 4 + 6


@pytest.mark.parametrize("engine", ENGINES)
def test_a_value_that_is_set_for_either_holds_for_both(engine):
    trainer = fitted(autoencoder(engine))
    for name, twin in (("encoder/weight", "decoder/weight"), ("decoder/weight", "encoder/weight")):
        value = np.random.default_rng(3).normal(size=trainer.parameters[name].shape)
        trainer.parameters[name] = value
        np.testing.assert_array_equal(trainer.parameters[twin], value.T)
    fitted(trainer, 1)
    np.testing.assert_array_equal(trainer.parameters["decoder/weight"], trainer.parameters["encoder/weight"].T)


@pytest.mark.parametrize("engine", ENGINES)
def test_files_keep_the_tie_and_a_resumed_fit_its_bytes(engine, tmp_path: Path):
    path, model = tmp_path / "state.safetensors", tmp_path / "model.safetensors"

    class Writes:
        @bp.hookimpl
        def bpframe_batch_end(self, state: Any) -> None:
            if state.step == 4:
                state.trainer.checkpoint(path)

    whole = fitted(autoencoder(engine, optimizer="adam", callbacks=[Writes()]))
    resumed = fitted(bp.Trainer.resume(path, callbacks=[]))
    for name, value in whole.parameters.items():
        assert resumed.parameters[name].tobytes() == value.tobytes()
    whole.save(model)
    loaded = bp.Trainer.load(model, engine=engine)
    np.testing.assert_array_equal(loaded.scores(X), whole.scores(X))
    assert repr(loaded.network.ties) == repr(whole.network.ties)
    assert "tie={'decoder/weight': 'encoder/weight.T'}" in repr(loaded.network)
    with pytest.raises(ConfigError, match="needs tie"):
        autoencoder(engine, tie=None, optimizer="adam").restore(path)


def test_a_frozen_source_is_a_frozen_target():
    trainer = autoencoder(groups=[{"match": "encoder/weight", "frozen": True}])
    before = trainer.network.init(0, (5,))[0]["encoder"]["weight"]
    fitted(trainer)
    np.testing.assert_array_equal(trainer.parameters["decoder/weight"], before.T)


def test_a_config_ties_parameters(tmp_path: Path):
    np.savez(tmp_path / "rows.npz", x=X, y=X)
    text = """
    [data]
    source = "rows.npz"
    [model]
    tie = { "decoder/weight" = "encoder/weight.T" }
    layers = [{ name = "dense", units = 3, label = "encoder" }, { name = "dense", units = 5, label = "decoder" }]
    [loss]
    name = "mse"
    """
    (tmp_path / "run.toml").write_text(text)
    run = config.load(tmp_path / "run.toml")
    assert len(run.trainer().network.ties) == 1
    assert to_tables(run.settings, tmp_path)["model"]["tie"] == TIE


@pytest.mark.parametrize(
    ("tie", "words"),
    [
        ({"decoder/weight": "encoder/weight"}, r"\(3, 5\) to encoder/weight \(5, 3\). Take its transpose"),
        ({"decoder/w": "encoder/weight"}, "no parameter 'decoder/w' to tie. Parameters: encoder/weight"),
        ({"decoder/weight": "decoder/weight"}, "tied itself"),
        ({"decoder/weight": "encoder/weight.T", "encoder/weight": "decoder/weight.T"}, "tied itself"),
        (["decoder/weight"], "needs a mapping"),
        ({"decoder/weight": 3}, "needs a mapping"),
    ],
)
def test_what_cannot_be_tied_is_named(tie, words):
    with pytest.raises(ConfigError, match=words):
        fitted(autoencoder(tie=tie))


def test_a_file_with_a_wrong_tie_is_refused(tmp_path: Path):
    path = tmp_path / "model.safetensors"
    fitted(autoencoder()).save(path)
    tensors, content = tensor_file.read_tensors(path)
    for bad in ({"decoder/weight": "encoder/bias"}, "decoder", {"a": "b"}):
        tensor_file.write_tensors(path, tensors, {**content, "tie": bad})
        with pytest.raises(CheckpointError):
            bp.Trainer.load(path)


def test_a_value_that_is_set_for_what_is_tied_is_projected_as_that_of_its_source():
    network = bp.Network([bp.layers.dense(4), bp.layers.dense(3)], inputs=3, tie={"dense_2/weight": "dense_1/weight.T"})
    made = bp.Trainer(network, "mse", constraints=["unit_norm"], dtype="float64")
    made.parameters["dense_2/weight"] = np.arange(1.0, 13.0).reshape(4, 3)
    np.testing.assert_allclose(np.linalg.norm(made.parameters["dense_1/weight"], axis=0), 1, rtol=1e-12)
    np.testing.assert_array_equal(made.parameters["dense_2/weight"], made.parameters["dense_1/weight"].T)
