"""What stands on the learning rate reaches every rule that moves a parameter, or an error says which it does not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

import bpframe as bp
from bpframe.engine import learning_rates
from bpframe.engine.hyperparameters import Settings
from bpframe.errors import ConfigError, IncompatibleComponent
from bpframe.protocols import Optimizer
from bpframe.sklearn import MLPClassifier

X = np.random.default_rng(0).normal(size=(40, 5))
Y = (X[:, 0] > X[:, 1]).astype(int)
WRAPPED = {"name": "lookahead", "inner": {"name": "ema", "inner": {"name": "sam", "inner": "muon"}}}
RULES = ["sgd", "muon", "adafactor", "adadelta", "prodigy", "schedule_free_adamw", "lars", WRAPPED]


def trainer(optimizer, layers=3, **settings):
    hidden = [bp.layers.dense(6, activation="tanh") for _ in range(layers - 1)]
    network = bp.Network([*hidden, bp.layers.dense(2)], inputs=5)
    return bp.Trainer(network, "softmax_cross_entropy", optimizer, dtype="float64", **settings)


def moved(made, **fit):
    """The names of the parameters that a fit of the trainer changes."""
    before = made.parameters.copy()
    made.fit(X, Y, **{"epochs": 2, "batch_size": 10, **fit})
    after = made.parameters.copy()
    return {name for name in before if (before[name] != after[name]).any()}


SGD, ADAM = bp.optimizers.sgd(), bp.optimizers.adam()


@dataclass(frozen=True)
class Mean:
    """The mean of what two rules do."""

    first: Optimizer = SGD
    second: Optimizer = ADAM
    scope: ClassVar[str] = "element"

    def init(self, p):
        return {"first": self.first.init(p), "second": self.second.init(p)}

    def update(self, p, g, state, h):
        a, first = self.first.update(p, g, state["first"], h.first)
        b, second = self.second.update(p, g, state["second"], h.second)
        return (a + b) / 2, {"first": first, "second": second}


@dataclass(frozen=True)
class Partly:
    """lr times the step of the rule inside."""

    inner: Optimizer = SGD
    lr: float = 0.5
    scope: ClassVar[str] = "element"

    def init(self, p):
        return {"inner": self.inner.init(p)}

    def update(self, p, g, state, h):
        new, inner = self.inner.update(p, g, state["inner"], h.inner)
        return p + h.lr * (new - p), {"inner": inner}


@dataclass(frozen=True)
class SaysWhich(Partly):
    """The same, which says that its own lr is the learning rate."""

    learning_rates: ClassVar[tuple[str, ...]] = ("lr",)


@dataclass(frozen=True)
class Steady:
    """p <- p - sign(g) / 1000: no learning rate."""

    scope: ClassVar[str] = "element"

    def init(self, p):
        return {}

    def update(self, p, g, state, h):
        return p - np.sign(g) / 1000, {}


@pytest.mark.parametrize("optimizer", [*RULES, Mean(), SaysWhich()], ids=str)
def test_a_multiplier_of_0_holds_every_parameter(optimizer):
    assert len(moved(trainer(optimizer))) == 6
    assert not moved(trainer(optimizer, groups=[{"match": "*", "lr_multiplier": 0.0}]))


@pytest.mark.parametrize("step", [0, 2000])
def test_a_multiplier_scales_the_step_of_adafactor_at_any_time(step):
    rule, p, g = bp.optimizers.adafactor(), np.ones((3, 2)), np.arange(1.0, 7.0).reshape(3, 2)
    steps = []
    for factor in (1.0, 0.3, 3.0):
        made = learning_rates.scaled_rates(rule, factor)
        h = Settings(made, float).at(step)
        steps.append(p - made.update(p, g, made.init(p), h)[0])
    np.testing.assert_allclose(steps[1], 0.3 * steps[0], rtol=1e-9)
    np.testing.assert_allclose(steps[2], 3.0 * steps[0], rtol=1e-9)


@pytest.mark.parametrize(
    ("optimizer", "message"),
    [
        ("rprop", "rprop has no learning rate to change"),
        ({"name": "muon", "others": "rprop"}, "rprop has no learning rate"),
        ({"name": "lookahead", "inner": "rprop"}, "rprop has no learning rate"),
        ({"name": "muon", "others": Steady()}, "steady needs an argument lr"),
        (Partly(), "partly has an lr and holds inner.*Declare learning_rates"),
    ],
    ids=str,
)
def test_a_rule_that_a_multiplier_would_not_reach_is_named(optimizer, message):
    with pytest.raises(ConfigError, match=message):
        trainer(optimizer, groups=[{"match": "*", "lr_multiplier": 0.5}]).fit(X, Y)
    with pytest.raises(ConfigError, match=message):
        bp.lr_range_test(trainer(optimizer), X, Y, steps=3)


def test_a_schedule_of_an_lr_that_scales_nothing_is_an_error():
    lr = {"name": "step", "initial": 0.1, "every": 1}
    for rule in ({"name": "rprop", "lr": lr}, {"name": "lookahead", "inner": {"name": "rprop", "lr": lr}}):
        with pytest.raises(ConfigError, match="rprop needs a number as lr"):
            trainer(rule).fit(X, Y)


def test_the_range_test_grows_the_rates_of_all_rules_in_their_ratio():
    """At rates near 0 nothing moves: neither by the rule of other parameters, nor by that of a group."""
    for made in (trainer("muon"), trainer("sgd", groups=[{"match": "*/bias", "optimizer": "lion"}])):
        outcome = bp.lr_range_test(made, X, Y, steps=30, batch_size=40, lowest=1e-14, highest=2e-14)
        np.testing.assert_allclose(outcome.loss, outcome.loss[0], rtol=1e-9)
    rule = learning_rates.with_rate(bp.optimizers.muon(lr=0.02), 0.2)
    assert (rule.lr, rule.others.lr) == (0.2, pytest.approx(0.01))


def test_several_rates_of_which_one_is_a_schedule_have_no_ratio():
    rule = {"name": "muon", "lr": {"name": "cosine", "initial": 0.1}}
    with pytest.raises(ConfigError, match="muon needs numbers above 0 as learning rates to keep their ratio"):
        bp.lr_range_test(trainer(rule), X, Y, steps=3)


COSINE = {"name": "cosine", "initial": 0.02}
STEADY = {"name": "constant", "initial": 1e-3}


@pytest.mark.parametrize("inside", [lambda rule: rule, lambda rule: {"name": "lookahead", "inner": rule}])
@pytest.mark.parametrize(
    ("rule", "stays"),
    [
        ({"name": "muon", "lr": COSINE}, "of adamw, which moves parameters too, stays at 0.001"),
        ({"name": "muon", "others": {"name": "adam", "lr": COSINE}}, "of muon, .* stays at 0.02"),
        ({"name": "muon", "lr": COSINE, "others": {"name": "adamw", "lr": COSINE}}, None),
        ({"name": "muon", "lr": COSINE, "others": {"name": "adamw", "lr": STEADY}}, None),
        ({"name": "muon", "lr": COSINE, "others": {"name": "adamw", "lr": 0.0}}, None),
        ("muon", None),
        ({"name": "muon", "others": {"name": "sgd", "lr": 0.0}}, None),
    ],
)
@pytest.mark.parametrize("multiplier", [1.0, 0.5])
def test_a_schedule_that_does_not_reach_every_rule_that_moves_a_parameter_is_said(rule, stays, inside, multiplier):
    made = trainer(inside(rule), groups=[{"match": "dense_1/bias", "lr_multiplier": multiplier}])
    if stays is None:
        made.fit(X, Y, epochs=1)
        return
    with pytest.warns(UserWarning, match=f"of .* follows a schedule, but that {stays}"):
        made.fit(X, Y, epochs=1)


def test_a_rule_inside_that_moves_nothing_needs_no_schedule():
    hidden = [bp.layers.dense(6, bias=False) for _ in range(3)]
    rule = {"name": "muon", "lr": COSINE, "matrices": "all"}
    bp.Trainer(bp.Network([*hidden, bp.layers.dense(2, bias=False)]), "mse", rule).fit(X, np.eye(2)[Y], epochs=1)


def test_a_rule_without_any_parameter_is_said():
    for rule in ("muon", {"name": "lookahead", "inner": "muon"}):
        with pytest.warns(UserWarning, match="muon moves no parameter of this network: all .* leaves to adamw"):
            trainer(rule, layers=2).fit(X, Y, epochs=1)


def test_the_history_has_the_rate_of_the_trainers_optimizer():
    made = trainer({"name": "muon", "lr": 0.3}, groups=[{"match": "dense_1/*", "lr_multiplier": 0.5}])
    assert made.fit(X, Y, epochs=2).lr == [0.3, 0.3]
    made = trainer({"name": "sgd", "lr": 0.3}, groups=[{"match": "*", "optimizer": {"name": "adam", "lr": 0.2}}])
    assert made.fit(X, Y, epochs=1).lr == [0.2]


def test_decoupled_decay_needs_a_learning_rate():
    with pytest.raises(IncompatibleComponent, match="decoupled_weight_decay needs an optimizer with an argument lr"):
        trainer(Steady(), gradient_steps=["decoupled_weight_decay"]).fit(X, Y)
    assert moved(trainer(Mean(), gradient_steps=["decoupled_weight_decay"]))


def test_learning_rate_init_of_an_estimator_reaches_every_rule_of_the_solver():
    settings = {"solver": "muon", "hidden_layer_sizes": (5, 5), "learning_rate_init": 1e-15, "random_state": 0}
    made = []
    for epochs in (1, 5):
        with pytest.warns(Warning, match="Maximum iterations"):
            made.append(MLPClassifier(max_iter=epochs, **settings).fit(X, Y))
    for a, b in zip(made[0].coefs_, made[1].coefs_, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-12)
    for policy in ("invscaling", "adaptive", "cosine"):
        with pytest.raises(ConfigError, match="rprop has no learning rate to change"):
            MLPClassifier(solver="rprop", learning_rate=policy).fit(X, Y)
