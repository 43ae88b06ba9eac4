"""A setting that the run's dtype, or this machine's memory, cannot hold is an error before anything runs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest

import bpframe as bp
from bpframe import checks
from bpframe.errors import ConfigError
from bpframe.network.memory import physical_memory
from bpframe.runs import config
from bpframe.sklearn import MLPClassifier

X = np.random.default_rng(0).normal(size=(20, 3))
HUGE = 10**400


def trainer(optimizer: Any = "sgd", layer: Any = "dense", loss: Any = "mse", **settings: Any) -> bp.Trainer:
    layers = [{"name": "dense", "units": 2} if layer == "dense" else layer, bp.layers.dense(1)]
    return bp.Trainer(bp.Network(layers), loss, optimizer, **settings)


OPTIMIZERS = [
    {"optimizer": {"name": "sgd", "lr": 1e39}},
    {"optimizer": {"name": "sgd", "lr": math.inf}},
    {"optimizer": {"name": "adam", "eps": 1e-50}},
    {"optimizer": {"name": "adamw", "weight_decay": 1e39}},
    {"optimizer": {"name": "lookahead", "inner": {"name": "sgd", "lr": 1e39}}},
    {"optimizer": {"name": "sgd", "lr": {"name": "cosine", "initial": 1e39}}},
    {"optimizer": bp.load("optimizer", "sgd")(lr=10**39)},
    {"gradient_steps": [{"name": "clip_norm", "limit": 1e39}]},
    {"regularizers": [{"name": "l2", "strength": 1e39}]},
    {"constraints": [{"name": "max_norm", "limit": 1e39}]},
    {"groups": [{"match": "*", "optimizer": {"name": "adam", "lr": 1e39}}]},
]
OTHERS = [
    {"loss": {"name": "huber", "delta": 1e39}},
    {"layer": {"name": "batch_norm", "eps": 1e39}},
    {"layer": {"name": "dense", "units": 2, "activation": {"name": "elu", "alpha": 1e39}}},
    {"layer": {"name": "dense", "units": 2, "weight_initializer": {"name": "normal", "stddev": 1e39}}},
    {"layer": {"name": "residual", "layers": [{"name": "layer_norm", "eps": 1e39}]}},
]


@pytest.mark.parametrize("engine", ["numpy", "jax"])
@pytest.mark.parametrize("settings", OPTIMIZERS, ids=str)
def test_a_number_outside_of_float32_is_refused_in_what_changes_parameters(settings, engine):
    with pytest.raises(ConfigError, match=r"needs [\w.]+ to be a number of float32, 0 or of a size between 1\.4e-45"):
        trainer(engine=engine, **settings).fit(X, X[:, :1], epochs=1)


@pytest.mark.parametrize("settings", OTHERS, ids=str)
def test_a_number_outside_of_float32_is_refused_in_layers_and_losses(settings):
    with pytest.raises(ConfigError, match=r"needs [\w.\[\]]+ to be a number of float32"):
        trainer(**settings).fit(X, X[:, :1], epochs=1)


def test_float64_holds_it():
    trainer({"name": "sgd", "lr": 1e-50}, dtype="float64").fit(X, X[:, :1], epochs=1)


@dataclass(frozen=True)
class Unbounded:
    """A rule whose author chose an infinite default."""

    lr: float = 0.01
    limit: float = math.inf
    scope: ClassVar[str] = "element"

    def init(self, p):
        return {}

    def update(self, p, g, state, h):
        return p - h.lr * np.minimum(g, h.limit), state


def test_a_default_is_its_authors_choice():
    trainer(Unbounded()).fit(X, X[:, :1], epochs=1)
    with pytest.raises(ConfigError, match="Unbounded needs lr to be a number"):
        trainer(Unbounded(lr=math.inf)).fit(X, X[:, :1], epochs=1)


@pytest.mark.parametrize(
    "build",
    [
        lambda: bp.optimizers.sgd(lr=HUGE),
        lambda: bp.load("optimizer", "sgd")(lr=HUGE),
        lambda: bp.layers.dense(HUGE),
        lambda: bp.optimizers.sgd(lr={"name": "constant", "initial": HUGE}),
        lambda: bp.ParameterGroup("*", lr_multiplier=HUGE),
        lambda: trainer(seed=10**5000),
        lambda: trainer().fit(X, X[:, :1], epochs=10**5000),
        lambda: trainer().fit(X, X[:, :1], batch_size=HUGE),
        lambda: bp.gradient_steps.accumulate(steps=-(10**5000)),
        lambda: checks.finite("x", a=HUGE),
    ],
)
def test_a_whole_number_without_end_is_refused_by_its_digits(build):
    with pytest.raises(ConfigError, match=r"got a whole number of about (401|5001) digits"):
        build()


def test_a_seed_of_128_bits_is_one():
    trainer(seed=2**128 - 1).fit(X, X[:, :1], epochs=1)


@pytest.mark.parametrize("units", [10**11, 10**30])
def test_a_layer_that_the_machine_cannot_hold_is_named(units):
    with pytest.raises(ConfigError, match=r"layer 1 \('dense_1'\): a parameter of 3 x .* needs more memory"):
        trainer(layer={"name": "dense", "units": units}).fit(X, X[:, :1], epochs=1)
    assert physical_memory() > 2**28


def test_a_config_with_too_many_digits_names_its_line(tmp_path):
    path = tmp_path / "run.toml"
    path.write_text(f'loss = "mse"\nseed = {"9" * 5000}\n')
    with pytest.raises(ConfigError, match=r"run\.toml:2: a config needs numbers of at most 38 digits"):
        config.load(path)
    path.write_text(f'loss = "mse"\n[train]\nseed = {"9" * 500}\n')
    with pytest.raises(ConfigError, match=r"whole number below 2\*\*128, got a whole number of about 501 digits"):
        config.load(path)


@pytest.mark.parametrize(
    "settings",
    [{"learning_rate_init": 1e39}, {"alpha": 1e39}, {"l1": 1e39}, {"epsilon": 1e-60}, {"clip_norm": 1e39}],
    ids=str,
)
def test_estimators_refuse_what_float32_cannot_hold(settings):
    with pytest.raises(ConfigError, match="to be a number of float32"):
        MLPClassifier(**settings).fit(X.astype(np.float32), X[:, 0] > 0)


@pytest.mark.parametrize("name", ["learning_rate_init", "alpha", "l1", "epsilon", "clip_norm", "tol", "power_t"])
def test_estimators_refuse_whole_numbers_without_end(name):
    with pytest.raises(ValueError, match=f"The '{name}' parameter of MLPClassifier must be a float"):
        MLPClassifier(**{name: HUGE}).fit(X, X[:, 0] > 0)
