"""What compares a curve of the history asks the curve which of its values are better."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest

import bpframe as bp
from bpframe.errors import ConfigError
from bpframe.training.monitor import lower

X = np.random.default_rng(0).normal(size=(20, 3))
Y = X[:, :1] - X[:, 1:2]


@dataclass
class Rising:
    """0, 1, 2, ... epoch after epoch, whatever is predicted; `best` says which end is better."""

    best: str = "max"
    values: list[float] = field(default_factory=lambda: [float(i) for i in range(20)])
    of = "predictions"

    def value(self, prediction, target, weight):
        return self.values.pop(0)


@dataclass
class Undirected:
    of = "predictions"

    def value(self, prediction, target, weight):
        return 0.0


def plateau(**settings):
    return {"name": "reduce_on_plateau", "schedule": {"name": "constant", "initial": 1e-3}, "patience": 2, **settings}


def trainer(metric, lr=0.001, callbacks=()):
    network = bp.Network([bp.layers.dense(1)])
    return bp.Trainer(network, "mse", {"name": "sgd", "lr": lr}, metrics=[metric], callbacks=callbacks)


@pytest.mark.parametrize("best", ["min", "max"])
def test_a_plateau_takes_the_direction_of_its_curve(best):
    history = trainer(Rising(best), plateau(monitor="train.rising")).fit(X, Y, epochs=8)
    assert (history.lr[-1] == 1e-3) == (best == "max")


@pytest.mark.parametrize("best", ["min", "max"])
def test_early_stopping_takes_the_direction_of_its_curve(best):
    stopping = {"name": "early_stopping", "monitor": "train.rising", "patience": 2}
    history = trainer(Rising(best), callbacks=[stopping]).fit(X, Y, epochs=8)
    assert len(history) == (8 if best == "max" else 3)


@pytest.mark.parametrize(("monitor", "mode"), [("train.rising", "min"), ("train.loss", "max")])
def test_a_mode_that_contradicts_the_curve_is_an_error(monitor, mode):
    for made in (
        trainer(Rising(), plateau(monitor=monitor, mode=mode)),
        trainer(Rising(), callbacks=[{"name": "early_stopping", "monitor": monitor, "mode": mode}]),
    ):
        with pytest.raises(ConfigError, match=f"has mode '{mode}', but '{monitor}' is better when it"):
            made.fit(X, Y, epochs=1)


def test_a_curve_without_a_direction_needs_a_mode():
    for made in (
        trainer(Undirected(), plateau(monitor="train.undirected")),
        trainer(Undirected(), callbacks=[{"name": "early_stopping", "monitor": "train.undirected"}]),
    ):
        with pytest.raises(ConfigError, match=r"needs to know whether 'train\.undirected' is to fall or rise"):
            made.fit(X, Y, epochs=1)
    trainer(Undirected(), plateau(monitor="train.undirected", mode="max")).fit(X, Y, epochs=1)


class Says:
    """A callback that puts other values on the curve train.mae."""

    def __init__(self, values):
        self.values = values

    @bp.hookimpl(tryfirst=True)
    def bpframe_epoch_end(self, state):
        state.metrics["train.mae"] = self.values[state.epoch]


def test_what_is_not_finite_is_never_the_best(tmp_path):
    for value in (np.nan, np.inf, -np.inf):
        assert not lower(value, None)
        assert not lower(value, 1.0)
    assert lower(1.0, None)
    assert lower(1.0, np.nan)
    kept = {"name": "checkpoint", "folder": tmp_path, "best": "train.mae"}
    stopping = {"name": "early_stopping", "monitor": "train.mae", "patience": 9}
    made = trainer("mae", callbacks=[kept, stopping, Says([np.nan, 2.0, -np.inf, np.nan, 3.0])])
    made.fit(X, Y, epochs=5)
    second = trainer("mae")
    second.fit(X, Y, epochs=2)
    for name, value in bp.Trainer.load(tmp_path / "best.safetensors").parameters.copy().items():
        np.testing.assert_array_equal(value, second.parameters[name])
        np.testing.assert_array_equal(value, made.parameters[name])
