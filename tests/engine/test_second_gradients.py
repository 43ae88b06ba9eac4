"""Second gradients of a batch, which rules compare with the first: exact MARS against loops, and what stands beside.

A linear model, weights (3, 2) and bias (2,), on squared errors, whose gradients one can write down.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bpframe as bp
from bpframe.errors import ConfigError, NumericalError
from bpframe_optimizers.adahessian import Adahessian

RNG = np.random.default_rng(4)
X = RNG.normal(size=(40, 3))
Y = X @ RNG.normal(size=(3, 2)) + 0.5 * RNG.normal(size=(40, 2)) + 1
SIZE, EPOCHS = 10, 3
BATCHES = [slice(a, a + SIZE) for _ in range(EPOCHS) for a in range(0, 40, SIZE)]
SETTINGS = {"lr": 0.05, "beta1": 0.9, "beta2": 0.95, "gamma": 0.5, "weight_decay": 0.1}
OTHERS = {"name": "adamw", "lr": 0.03, "beta1": 0.8, "beta2": 0.9, "eps": 1e-8}
RULE = {"name": "mars_exact", **SETTINGS, "others": OTHERS}
engines = pytest.mark.parametrize("engine", ["numpy", "jax"])


def trainer(engine: Any = "numpy", rule: Any = RULE, **parts: Any) -> bp.Trainer:
    network = bp.Network([bp.layers.dense(2, label="out")], inputs=3)
    return bp.Trainer(network, "mse", rule, dtype="float64", metrics=[], engine=engine, **parts)


def fitted(engine: Any = "numpy", rule: Any = RULE, **parts: Any) -> bp.Trainer:
    made = trainer(engine, rule, **parts)
    made.fit(X, Y, epochs=EPOCHS, batch_size=SIZE, shuffle=False, verbose=0)
    return made


def snapshot(made: bp.Trainer, ending: str) -> list[Any]:
    """What the rule remembers under a name."""
    assert made._session is not None
    return [array for name, array in sorted(made._session.snapshot().items()) if name.endswith(ending)]


def slopes(w: Any, b: Any, rows: slice) -> tuple[Any, Any]:
    """The gradient of the mean loss, half the squared error summed over outputs."""
    r = X[rows] @ w + b - Y[rows]
    return X[rows].T @ r / len(r), r.mean(axis=0)


@dataclass
class Moments:
    """Adam's direction of a sequence of gradients, in scalars."""

    beta1: float
    beta2: float
    m: Any = 0.0
    v: Any = 0.0
    t: int = 0

    def direction(self, c: Any) -> Any:
        self.t += 1
        self.m = self.m + (c - self.m) * (1 - self.beta1)
        self.v = self.v + (c**2 - self.v) * (1 - self.beta2)
        return self.m / (1 - self.beta1**self.t) / (np.sqrt(self.v / (1 - self.beta2**self.t)) + 1e-8)


def by_definition(strength: float = 0.0, gather: int = 1, bias_moves: bool = True) -> tuple[Any, Any]:
    """Weights and bias after all batches; `strength` of an l2 penalty on weights, `gather` batches for an update."""
    w, b = (trainer().parameters[f"out/{name}"] for name in ("weight", "bias"))
    before, of_w, of_b = (w, b), Moments(0.9, 0.95), Moments(0.8, 0.9)
    for k in range(0, len(BATCHES), gather):
        gradients = [slopes(w, b, rows) for rows in BATCHES[k : k + gather]]
        g, of_bias = (np.mean([each[i] for each in gradients], axis=0) for i in (0, 1))
        there = slopes(before[0], before[1] if bias_moves else b, BATCHES[k + gather - 1])
        c = g + strength * w + 0.5 * 0.9 / 0.1 * (gradients[-1][0] - there[0])
        step = of_w.direction(c / max(1.0, np.linalg.norm(c))) + 0.1 * w
        before = w, b
        w, b = w - 0.05 * step, b - 0.03 * of_b.direction(of_bias)
    return w, b


def agree(made: bp.Trainer, want: tuple[Any, Any]) -> None:
    for name, value in zip(("weight", "bias"), want, strict=True):
        np.testing.assert_allclose(made.parameters[f"out/{name}"], value, rtol=1e-9, atol=1e-11, err_msg=name)


@engines
def test_exact_mars_takes_the_gradient_of_the_batch_at_the_parameters_before(engine):
    agree(fitted(engine), by_definition())
    approximate = fitted(rule={**RULE, "name": "mars"}).parameters["out/weight"]
    assert np.abs(approximate - by_definition()[0]).max() > 1e-3


@engines
def test_penalties_are_of_the_gradient_and_not_of_the_difference(engine):
    agree(fitted(engine, regularizers=[{"name": "l2", "strength": 0.3}]), by_definition(strength=0.3))


@engines
def test_behind_accumulate_the_difference_is_that_of_the_last_batch(engine):
    agree(fitted(engine, gradient_steps=[{"name": "accumulate", "steps": 2}]), by_definition(gather=2))


@engines
def test_parameters_of_a_group_with_another_rule_stay_and_have_their_gradient_at_p(engine):
    sgd = {"name": "adamw", **{k: v for k, v in OTHERS.items() if k != "name"}, "weight_decay": 0.0}
    groups = [{"match": "out/bias", "optimizer": sgd}]
    agree(fitted(engine, groups=groups), by_definition(bias_moves=False))


def test_beside_sam_each_group_has_the_gradient_that_its_rule_asks_for():
    sam = {"name": "sam", "inner": {"name": "sgd", "lr": 0.1}, "rho": 0.5}
    made = trainer(groups=[{"match": "out/bias", "optimizer": sam}])
    w, b = (made.parameters[f"out/{name}"] for name in ("weight", "bias"))
    made.fit(X, Y, epochs=1, batch_size=40, shuffle=False, verbose=0)
    everything = slice(0, 40)
    g, of_bias = slopes(w, b, everything)
    uphill = b + 0.5 * of_bias / np.linalg.norm(of_bias)
    np.testing.assert_allclose(made.parameters["out/bias"], b - 0.1 * slopes(w, uphill, everything)[1], rtol=1e-12)
    c = g + 0.5 * 0.9 / 0.1 * (g - slopes(w, uphill, everything)[0])
    step = Moments(0.9, 0.95).direction(c / max(1.0, np.linalg.norm(c))) + 0.1 * w
    np.testing.assert_allclose(made.parameters["out/weight"], w - 0.05 * step, rtol=1e-10)


@engines
def test_a_resume_keeps_the_bits_and_a_parameter_that_is_set_has_no_correction(engine, tmp_path: Path):
    class Save:
        @bp.hookimpl
        def bpframe_batch_end(self, state: Any) -> None:
            if state.step == 6:
                state.trainer.checkpoint(tmp_path / "c")

    whole = fitted(engine, callbacks=[Save()])
    again = bp.Trainer.resume(tmp_path / "c", callbacks=[])
    again.fit(X, Y, epochs=EPOCHS, batch_size=SIZE, shuffle=False, verbose=0)
    for name, value in whole.parameters.copy().items():
        assert again.parameters[name].tobytes() == value.tobytes()
    whole.parameters["out/weight"] = np.ones((3, 2))
    assert any(np.array_equal(array.ravel(), np.ones(6)) for array in snapshot(whole, "previous"))


# ------------------------------------------------------------------------------------------------ other rules that do


def parts_of(name: str) -> dict[str, Any]:
    return {
        "l2": {"regularizers": [{"name": "l2", "strength": 0.1}]},
        "accumulate": {"gradient_steps": [{"name": "accumulate", "steps": 2}]},
        "clip_value": {"gradient_steps": [{"name": "clip_value", "limit": 0.05}]},
    }[name]


@pytest.mark.parametrize("name", ["l2", "accumulate", "clip_value"])
def test_the_curvature_of_adahessian_is_that_of_the_loss_whatever_stands_beside_it(name):
    rule = Adahessian(lr=0.0, beta2=0.0)  # v is d^2 of the latest batch, at parameters that stay
    alone, beside = (fitted(rule=rule, **parts) for parts in ({}, parts_of(name)))
    one, other = (np.sort(np.concatenate([v.ravel() for v in snapshot(made, "v")])) for made in (alone, beside))
    np.testing.assert_allclose(other, one, rtol=1e-9)


def test_one_rule_alone_takes_a_second_gradient():
    message = r"takes a second gradient of each batch, and (adahessian|sam) inside it needs another one"
    for rule in (
        {"name": "sam", "inner": {"name": "lookahead", "inner": "adahessian"}},
        {"name": "mars_exact", "others": {"name": "sam", "inner": "sgd"}},
    ):
        with pytest.raises(ConfigError, match=message):
            fitted(rule=rule)


@dataclass(frozen=True)
class HandsOn:
    """p <- p - lr g, which keeps what its probe saw."""

    lr: float = 0.1
    size: float = 1.0
    scope = "element"

    def init(self, p: Any) -> Any:
        return {"seen": np.zeros_like(p)}

    def probe(self, p: Any, g: Any, state: Any, h: Any) -> Any:
        return p + h.size, {"seen": g}

    def update(self, p: Any, g: Any, state: Any, h: Any) -> Any:
        return p - h.lr * g, state


def test_a_probe_hands_on_what_it_saw_and_leaves_nothing_where_its_gradient_is_not_finite():
    assert all(array.any() for array in snapshot(fitted(rule=HandsOn()), "seen"))
    made = trainer(rule=HandsOn(size=1e200))
    with pytest.raises(NumericalError):
        made.fit(X, Y, epochs=1, batch_size=SIZE, verbose=0)
    assert not any(array.any() for array in snapshot(made, "seen"))
