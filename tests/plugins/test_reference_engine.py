"""The reference engine, and engines that keep some levels of the protocol alone."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bpframe as bp
from bpframe.errors import CheckFailed, CheckpointError, ConfigError
from bpframe.protocols.traits import LEVELS
from bpframe.testing import check_engine
from bpframe.testing.suite import check

FOLDER = Path(__file__).parents[2] / "plugins" / "bpframe_engines"
X = np.random.default_rng(0).normal(size=(20, 4))
Y = np.arange(20) % 3


def trainer(engine: Any, **parts: Any) -> bp.Trainer:
    layers = [bp.layers.dense(6, activation="gelu"), "batch_norm", bp.layers.dropout(0.2), bp.layers.dense(3)]
    parts = {"optimizer": "adamw", "dtype": "float64", "engine": engine} | parts
    return bp.Trainer(bp.Network(layers), "softmax_cross_entropy", **parts)


def test_the_reference_engine_keeps_the_laws_of_its_levels():
    report = check("engine", "reference")
    assert not report.failed
    assert {"levels", "snapshot", "training, plain", "training, averages", "training, draws", "weights"} <= set(
        report.run
    )
    assert "training, objective" not in report.run


def test_it_is_short_and_knows_what_plugins_may_import_alone():
    lines, imported = 0, set()
    for file in FOLDER.glob("*.py"):
        text = file.read_text(encoding="utf-8")
        nodes = list(ast.walk(ast.parse(text)))
        documented = [
            ast.get_docstring(node, clean=False) or ""
            for node in nodes
            if hasattr(node, "body") and isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        ]
        lines += sum(bool(line.strip()) for line in text.splitlines())
        lines -= sum(sum(bool(line.strip()) for line in doc.splitlines()) for doc in documented)
        imported |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}
    assert lines <= 300
    assert {name for name in imported if name.startswith("bpframe.")} == {"bpframe.plugin"}


PARTS: dict[str, dict[str, Any]] = {
    "penalties and gathering": {
        "regularizers": ["l1", "activity"],
        "gradient_steps": [{"name": "accumulate", "steps": 2}, "decoupled_weight_decay"],
        "constraints": [{"name": "max_norm", "limit": 0.7}],
    },
    "averages": {"optimizer": {"name": "swa", "inner": {"name": "ema", "inner": "adam"}, "start": 3}},
    "displaced averages": {"optimizer": "schedule_free_sgd", "gradient_steps": ["decoupled_weight_decay"]},
    "frozen": {"groups": [{"match": "batch_norm_1/*", "frozen": True}, {"match": "*/bias", "lr_multiplier": 3.0}]},
    "schedules": {"optimizer": {"name": "adam", "lr": {"name": "cosine", "initial": 0.05}}},
    "draws": {
        "optimizer": {"name": "ema", "inner": {"name": "sgld", "temperature": 0.01}},
        "gradient_steps": [{"name": "gaussian_noise", "stddev": 0.1}, {"name": "gaussian_noise", "stddev": 0.2}],
    },
    "augmentations": {"augmentations": ["mixup", {"name": "gaussian_noise", "stddev": 0.3}, "feature_dropout"]},
}


def test_engine_numpy_adds_what_layers_add_to_the_objective_as_the_reference_engine_does():
    latent = bp.layers.sequential(layers=[bp.layers.dense(4, "tanh"), bp.layers.gaussian_latent(3)])
    layers = [latent, bp.layers.mixture_of_experts(experts=[bp.layers.dense(5)] * 3), "batch_norm", bp.layers.dense(3)]
    frozen = [{"match": "sequential_1/*", "frozen": True}]
    for groups in ([], frozen):
        parts = {"optimizer": "adam", "dtype": "float64", "groups": groups, "regularizers": ["activity"]}
        one, other = (
            bp.Trainer(bp.Network(layers), "softmax_cross_entropy", engine=engine, **parts)
            for engine in ("numpy", "reference")
        )
        for each in (one, other):
            each.fit(X, Y, epochs=3, batch_size=6, sample_weight=np.linspace(0, 2, 20), verbose=0)
        assert max(one.history.train["objective"]) > max(one.history.train["loss"])
        np.testing.assert_allclose(one.history.train["objective"], other.history.train["objective"], rtol=1e-9)
        np.testing.assert_allclose(one.scores(X), other.scores(X), rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("name", PARTS)
def test_engine_numpy_makes_the_steps_of_the_reference_engine(name):
    parts = PARTS[name]
    weight = np.linspace(0, 2, 20)
    one, other = trainer("numpy", **parts), trainer("reference", **parts)
    for each in (one, other):
        each.fit(X, Y, epochs=4, batch_size=6, sample_weight=weight, verbose=0, validation=(X, Y))
    for curve in ("loss", "objective", "accuracy"):
        np.testing.assert_allclose(one.history.train[curve], other.history.train[curve], rtol=1e-9, err_msg=curve)
    np.testing.assert_allclose(one.scores(X), other.scores(X), rtol=1e-8, atol=1e-10)


NEEDING: dict[str, dict[str, Any]] = {
    "totals": {"gradient_steps": [{"name": "clip_global_norm", "limit": 1.0}]},
    "minimizers": {"optimizer": "lbfgs"},
    "measures": {"callbacks": ["norms"]},
    "resting": {"groups": [{"match": "*/bias", "frozen": True, "until": 1}]},
}


@pytest.mark.parametrize("level", NEEDING)
def test_a_training_that_needs_a_level_which_the_engine_lacks_is_refused(level):
    with pytest.raises(ConfigError, match=f"the engine reference has not the level '{level}'"):
        trainer("reference", **NEEDING[level]).fit(X, Y, epochs=1, batch_size=20, verbose=0)


@pytest.mark.parametrize("regularizers", [[], ["activity"]], ids=["plain", "activity"])
def test_weights_by_position_and_padded_rows_act_as_on_engine_numpy(regularizers):
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(12, 3, 4)), rng.integers(0, 3, (12, 3))
    weight = (rng.uniform(size=(12, 3)) < 0.7).astype(float)
    weight[2] = 0
    layers = [bp.layers.dense(4, "tanh"), "batch_norm", bp.layers.dense(3)]
    curves = []
    for engine in ("numpy", "reference"):
        made = bp.Trainer(
            bp.Network(layers),
            "softmax_cross_entropy",
            engine=engine,
            dtype="float64",
            regularizers=regularizers,
        )
        made.fit(x, y, epochs=2, batch_size=4, sample_weight=weight, verbose=0)
        curves.append(made.history.train["objective"])
    np.testing.assert_allclose(curves[1], curves[0], rtol=1e-12)


@dataclass(frozen=True)
class Some:
    """Engine numpy, of which a part is kept."""

    levels: tuple[str, ...]

    def session(self, *arguments: Any) -> Any:
        return bp.engines.numpy().session(*arguments)


def test_an_engine_of_an_earlier_bpframe_is_taken_to_keep_the_first_levels():
    class Old:
        def session(self, *arguments: Any) -> Any:
            return bp.engines.numpy().session(*arguments)

    plain = bp.Network([bp.layers.dense(3)])
    bp.Trainer(plain, "softmax_cross_entropy", "lbfgs", engine=Old()).fit(X, Y, epochs=1, batch_size=20, verbose=0)
    trainer(Old(), optimizer={"name": "sam", "inner": "sgd"}).fit(X, Y, epochs=1, verbose=0)
    moving = bp.Network([bp.layers.dropout(rate={"name": "linear", "initial": 0.5}), bp.layers.dense(3)])
    with pytest.raises(ConfigError, match="has not the level 'schedules'"):
        bp.Trainer(moving, "softmax_cross_entropy", engine=Old()).fit(X, Y, epochs=1, verbose=0)
    latent = bp.Network([bp.layers.gaussian_latent(3), bp.layers.dense(3)])
    with pytest.raises(ConfigError, match=r"gaussian_latent_1 needs losses .* has not the level 'auxiliary'"):
        bp.Trainer(latent, "softmax_cross_entropy", engine=Old()).fit(X, Y, epochs=1, verbose=0)
    rows, weight = X.reshape(10, 2, 4), np.array([[1.0, 0.0]] * 10)
    made = bp.Trainer(plain, "softmax_cross_entropy", engine=Old())
    with pytest.raises(ConfigError, match="has not the level 'positions'"):
        made.fit(rows, Y.reshape(10, 2), epochs=1, sample_weight=weight, verbose=0)
    tied = bp.Network([bp.layers.dense(4), bp.layers.dense(4)], tie={"dense_2/weight": "dense_1/weight"})
    with pytest.raises(ConfigError, match="has not the level 'ties'"):
        bp.Trainer(tied, "mse", engine=Old()).fit(X, X, epochs=1, verbose=0)


def test_without_snapshots_there_are_no_checkpoints(tmp_path: Path):
    made = trainer(Some(("steps",)))
    made.fit(X, Y, epochs=1, verbose=0)
    with pytest.raises(CheckpointError, match="has not the level 'snapshot'"):
        made.checkpoint(tmp_path / "state.safetensors")


def test_the_kit_checks_the_levels_that_an_engine_names():
    few = check_engine(Some(("steps",)))
    assert "snapshot" not in few.run
    assert "training, ties" not in few.run
    assert {f"training, {name}" for name in ("ties", "measures", "resting", "settings")} <= set(
        check_engine(Some(tuple(LEVELS))).run
    )
    with pytest.raises(CheckFailed, match="levels must be some of"):
        check_engine(Some(("steps", "everything")))
