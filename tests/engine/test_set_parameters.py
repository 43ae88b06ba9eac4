"""Parameters set in the middle of training: only what is set changes, averages start from it, moments stay."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import pytest

import bpframe as bp

ENGINES = ("numpy", "jax")
X = np.random.default_rng(0).normal(size=(32, 4))
Y = (X @ np.array([1.0, -2.0, 0.5, 0.0]))[:, None]
RULES: dict[str, Any] = {
    "ema": {"name": "ema", "inner": "adam", "decay": 0.9},
    "ema of torch": {"name": "ema", "inner": "adam", "decay": 0.9, "flavor": "torch"},
    "lookahead": {"name": "lookahead", "inner": "adam", "steps": 7},
    "lookahead of ema": {"name": "lookahead", "inner": {"name": "ema", "inner": "momentum"}},
    "schedule_free_adamw": {"name": "schedule_free_adamw", "lr": 0.02},
    "schedule_free_sgd": {"name": "schedule_free_sgd", "lr": 0.1},
}
CASES = [(rule, "numpy") for rule in RULES] + [("ema", "jax"), ("schedule_free_adamw", "jax")]


def trained(rule: Any, engine: str, epochs: int = 40) -> bp.Trainer:
    network = bp.Network([bp.layers.dense(5, activation="tanh"), bp.layers.dense(1)], inputs=4)
    trainer = bp.Trainer(network, "mse", rule, engine=engine, dtype="float64", metrics=())
    trainer.fit(X, Y, epochs=epochs, batch_size=16)
    return trainer


def memory(trainer: bp.Trainer) -> dict[str, np.ndarray]:
    return {name: a for name, a in trainer.session.snapshot().items() if name.startswith("memory/")}


@pytest.mark.parametrize(("rule", "engine"), CASES)
def test_writing_one_parameter_changes_no_other(rule, engine):
    trainer = trained(RULES[rule], engine)
    before = trainer.parameters.copy()
    value = before["dense_1/bias"] + 0.25
    trainer.parameters["dense_1/bias"] = value
    after = trainer.parameters.copy()
    np.testing.assert_array_equal(after.pop("dense_1/bias"), value)
    for name, array in after.items():
        np.testing.assert_array_equal(array, before[name], err_msg=name)


@pytest.mark.parametrize(("rule", "engine"), [case for case in CASES if case[0] != "schedule_free_sgd"])
def test_setting_all_parameters_keeps_what_rules_know_of_gradients(rule, engine):
    trainer = trained(RULES[rule], engine)
    trainer.parameters.replace(trainer.parameters.copy())
    before = memory(trained(RULES[rule], engine))
    after = memory(trainer)
    moments = [name for name in before if name.rpartition("/")[2] in ("m", "v", "velocity")]
    assert moments
    for name in moments:
        np.testing.assert_array_equal(after[name], before[name], err_msg=name)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_first_step_after_a_restart_is_as_long_as_those_before(engine):
    rule = {"name": "ema", "inner": {"name": "adam", "lr": 0.001}, "decay": 0.9}
    trainer = trained(rule, engine, epochs=500)
    start = trainer.parameters.copy()
    trainer.parameters.replace(start)
    trainer.fit(X, Y, epochs=1, batch_size=32)
    moved = trainer.session.snapshot()["parameters/dense_1/weight"] - start["dense_1/weight"]
    assert np.max(np.abs(moved)) < 1.5 * 0.001  # sqrt((1 - 0.999**1001) / 0.001) = 25 times that with moments of 0


@pytest.mark.parametrize("engine", ENGINES)
def test_before_the_first_step_all_state_starts_from_what_is_set(engine):
    network = bp.Network([bp.layers.dense(1)], inputs=4)
    trainer = bp.Trainer(network, "mse", RULES["schedule_free_sgd"], engine=engine, dtype="float64", metrics=())
    weight = np.full((4, 1), 0.5)
    trainer.parameters["dense_1/weight"] = weight
    bases = [a for name, a in memory(trainer).items() if name.endswith("/z")]
    values = np.concatenate([a.ravel() for a in bases])
    assert sorted(values) == [0.0, 0.5, 0.5, 0.5, 0.5]


@dataclass(frozen=True)
class Mean:
    """A foreign rule that predicts with the mean of all p, and does not say how that restarts."""

    inner: bp.protocols.Optimizer = field(default_factory=lambda: bp.optimizers.adam())
    scope: ClassVar[str] = "element"

    def init(self, p: Any) -> dict[str, Any]:
        return {"mean": p + 0, "inner": self.inner.init(p)}

    def update(self, p: Any, g: Any, state: Mapping[str, Any], h: Any) -> Any:
        p, inner = self.inner.update(p, g, state["inner"], h.inner)
        return p, {"mean": state["mean"] + (p - state["mean"]) / h.step, "inner": inner}

    def evaluation_params(self, p: Any, state: Mapping[str, Any], h: Any) -> Any:
        return state["mean"]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_rule_that_averages_without_a_word_on_restarts_keeps_the_other_parameters_too(engine):
    trainer = trained(Mean(), engine)
    before, inner = trainer.parameters.copy(), memory(trainer)
    trainer.parameters["dense_1/bias"] = before["dense_1/bias"] + 0.25
    after = trainer.parameters.copy()
    np.testing.assert_array_equal(after["dense_1/bias"], before["dense_1/bias"] + 0.25)
    np.testing.assert_array_equal(after["dense_1/weight"], before["dense_1/weight"])
    for name, array in memory(trainer).items():
        if name.endswith(("/m", "/v")):
            np.testing.assert_array_equal(array, inner[name])
