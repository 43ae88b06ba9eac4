"""Averages of parameters beside what moves or holds parameters, too: decoupled decay, lookahead, set values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

import bpframe as bp
from bpframe.plugin import Optimizer, ops

X = np.random.default_rng(0).normal(size=(32, 4))
Y = X @ np.array([[1.0], [-2.0], [0.5], [0.0]])


def linear(optimizer, engine="numpy", **parts):
    network = bp.Network([bp.layers.dense(1, bias=False)])
    return bp.Trainer(network, "mse", optimizer, engine=engine, dtype="float64", metrics=[], **parts)


def least_squares(decay):
    """The minimiser of the mean of (x w - y)^2 / 2 with decay / 2 ||w||^2."""
    return np.linalg.solve(X.T @ X / 32 + decay * np.eye(4), X.T @ Y / 32)


@pytest.mark.parametrize("engine", ["numpy", "jax"])
@pytest.mark.parametrize("rule", ["schedule_free_sgd", "schedule_free_adamw"])
def test_decoupled_decay_moves_the_base_point_of_schedule_free_rules(engine, rule):
    settings = {"name": rule, "lr": 0.1, **({"weight_decay": 0.0} if rule.endswith("adamw") else {})}
    made = linear(settings, engine, gradient_steps=[{"name": "decoupled_weight_decay", "strength": 0.5}])
    made.fit(X, Y, epochs=3000 if rule.endswith("sgd") else 20, batch_size=32)
    if rule.endswith("sgd"):
        assert made.parameters["dense_1/weight"] == pytest.approx(least_squares(0.5), abs=0.02)
    else:
        assert np.all(np.sign(made.parameters["dense_1/weight"][:2]) == [[1], [-1]])


def test_decay_alone_leads_the_average_to_0():
    made = linear({"name": "schedule_free_sgd", "lr": 0.1}, gradient_steps=["decoupled_weight_decay"])
    made.gradient_steps = [bp.gradient_steps.decoupled_weight_decay(strength=1.0)]
    made.fit(X, 0 * Y, epochs=1, batch_size=32)
    before = np.abs(made.parameters["dense_1/weight"]).max()
    made.fit(X * 0, 0 * Y, epochs=2000, batch_size=32)
    assert np.abs(made.parameters["dense_1/weight"]).max() < 0.05 * before


@pytest.mark.parametrize("inside", ["schedule_free_adamw", "schedule_free_sgd"])
def test_lookahead_puts_the_points_of_an_inner_rule_back_with_its_own(inside):
    rule = {"name": "lookahead", "inner": {"name": inside, "lr": 0.1}}
    made = linear(rule)
    made.fit(X, Y, epochs=400, batch_size=32)
    assert made.evaluate(X, Y)["loss"] < 1e-4


@pytest.mark.parametrize("engine", ["numpy", "jax"])
@pytest.mark.parametrize(
    "rule", ["schedule_free_sgd", {"name": "ema", "inner": {"name": "adam", "lr": 0.05}, "decay": 0.999}]
)
def test_averages_start_anew_where_all_parameters_are_set(engine, rule):
    made = linear(rule, engine)
    made.fit(X, Y, epochs=500, batch_size=8)
    made.parameters.replace(made.parameters.copy())
    made.fit(X, -Y, epochs=100, batch_size=8)
    assert made.evaluate(X, -Y)["loss"] < 0.5


@dataclass(frozen=True)
class Mean:
    """p <- inner(p, g), n <- n + 1, mean <- mean + (p - mean) / n: predicts with the mean of all steps."""

    inner: Optimizer
    scope = "element"

    def init(self, p):
        xp = ops.namespace(p)
        return {"mean": xp.asarray(p, copy=True), "n": xp.zeros((), dtype=p.dtype), "inner": self.inner.init(p)}

    def update(self, p, g, state, h):
        p, inner = self.inner.update(p, g, state["inner"], h.inner)
        n = state["n"] + 1
        return p, {"mean": state["mean"] + (p - state["mean"]) / n, "n": n, "inner": inner}

    def evaluation_params(self, p, state, h):
        return state["mean"]


def test_engines_agree_on_a_foreign_average_after_a_value_is_set():
    ends = []
    for engine in ("numpy", "jax"):
        layers = [bp.layers.dense(3, activation="tanh"), bp.layers.dense(1)]
        made = bp.Trainer(bp.Network(layers), "mse", Mean(bp.optimizers.sgd(lr=0.1)), engine=engine, dtype="float64")
        made.fit(X, Y, epochs=3, batch_size=8, shuffle=False)
        made.parameters["dense_2/weight"] = np.full((3, 1), 0.5)
        made.fit(X, Y, epochs=1, batch_size=8, shuffle=False)
        ends.append(made.parameters["dense_2/weight"])
    assert ends[0] == pytest.approx(ends[1], rel=1e-9)
