"""Warnings of a fit's batches: where they hold, with the name of what is to change, and nowhere else.

Warnings are errors here, so a fit without `pytest.warns` is one that is silent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest

import bpframe as bp
from bpframe.errors import ConfigError

RNG = np.random.default_rng(3)
X = RNG.normal(size=(32, 4))
Y = X @ RNG.normal(size=(4, 1))
GATHER = bp.gradient_steps.accumulate(4)
DECAY = bp.gradient_steps.decoupled_weight_decay(0.5)


def trainer(optimizer: Any = "sgd", *gradient_steps: Any, layers: Any = (), **options: Any) -> bp.Trainer:
    network = bp.Network([*layers, bp.layers.dense(1, label="out")], inputs=4)
    return bp.Trainer(network, "mse", optimizer, gradient_steps=gradient_steps, metrics=[], **options)


def fit(made: bp.Trainer, epochs: int = 1, size: int = 8) -> bp.Trainer:
    made.fit(X, Y, epochs=epochs, batch_size=size)
    return made


# fits without an update


@pytest.mark.parametrize("lr", [0.1, {"name": "cosine", "initial": 0.1}])
def test_a_fit_of_fewer_batches_than_an_update_gathers_says_that_nothing_moves(lr):
    made = trainer({"name": "sgd", "lr": lr}, bp.gradient_steps.accumulate(100))
    start = made.parameters.copy()
    with pytest.warns(UserWarning, match="accumulate gathers 100 batches for an update, and this fit of 4 batches"):
        fit(made)
    assert all((made.parameters[name] == value).all() for name, value in start.items())


def test_a_schedule_that_is_too_long_for_the_updates_of_a_fit_says_how_many_batches_they_take():
    lr = {"name": "warmup_stable_decay", "peak": 0.1, "warmup": 3, "decay": 3}
    made = trainer({"name": "sgd", "lr": lr}, GATHER)
    with pytest.raises(ConfigError, match=r"updates, got 4\. An update takes 4 batches, and the run has 16\."):
        fit(made, epochs=4)


def test_a_fit_that_ends_an_update_which_another_began_says_nothing():
    made = trainer("sgd", bp.gradient_steps.accumulate(6))
    with pytest.warns(UserWarning, match="accumulate gathers 6 batches"):
        fit(made)  # 4 batches
    fit(made)  # 8 of them


def test_a_fit_whose_parameters_are_all_frozen_misses_no_update():
    fit(trainer("sgd", bp.gradient_steps.accumulate(6), groups=[{"match": "*", "frozen": True}]))


# decay before accumulate


@dataclass(frozen=True)
class Shrink:
    """A foreign gradient step that moves parameters itself."""

    scope: ClassVar[str] = "element"

    def init(self, p):
        return {}

    def transform(self, p, g, state, h):
        return g, {}

    def adjust(self, p, h):
        return 0.9 * p


@pytest.mark.parametrize("step", [DECAY, Shrink()], ids=["bundled", "foreign"])
def test_what_moves_parameters_before_accumulate_is_said_to_act_at_every_batch(step):
    with pytest.warns(UserWarning, match="acts on the parameters at every batch, 4 times an update. Put it behind"):
        fit(trainer("sgd", step, GATHER))
    fit(trainer("sgd", GATHER, step))


def test_what_is_linear_in_the_gradient_may_stand_before_accumulate():
    fit(trainer("sgd", bp.gradient_steps.weight_decay(0.5), GATHER))
    fit(trainer("sgd", DECAY, bp.gradient_steps.accumulate(1)))


def test_the_strength_divided_by_the_batches_is_nearly_the_decay_behind_accumulate():
    lr = {"name": "sgd", "lr": 0.01}
    behind = fit(trainer(lr, GATHER, DECAY, dtype="float64"))
    with pytest.warns(UserWarning, match="4 times an update"):
        before = fit(trainer(lr, bp.gradient_steps.decoupled_weight_decay(0.5 / 4), GATHER, dtype="float64"))
    np.testing.assert_allclose(before.parameters["out/weight"], behind.parameters["out/weight"], rtol=5e-3)


# rules that need the same objective at each step


def test_rprop_on_gradients_of_all_rows_that_accumulate_gathers_is_as_good_as_one_batch():
    fit(trainer("rprop", GATHER))
    fit(trainer("rprop", GATHER), epochs=2)


@pytest.mark.parametrize("steps", [3, 6])
def test_rprop_on_gradients_of_a_part_or_of_some_rows_twice_is_warned_of(steps):
    with pytest.warns(UserWarning, match=f"rprop needs .* got 8, {steps} batches of which are gathered for an update"):
        fit(trainer("rprop", bp.gradient_steps.accumulate(steps)), epochs=3)


def test_a_round_that_another_batch_size_began_is_warned_of():
    made = fit(trainer("rprop", GATHER))
    fit(made, size=16, epochs=2)
    with pytest.warns(UserWarning, match="rprop needs"):
        made.fit(X[:24], Y[:24], epochs=4, batch_size=8)


def test_the_rule_that_needs_it_is_named_and_not_the_one_around_it():
    with pytest.warns(UserWarning, match="^rprop needs the same objective"):
        fit(trainer({"name": "lookahead", "inner": "rprop"}))
    groups = [{"match": "*/weight", "optimizer": "rprop"}]
    with pytest.warns(UserWarning, match="^rprop needs the same objective"):
        fit(trainer("adam", groups=groups))


def test_a_rule_that_moves_nothing_needs_nothing():
    fit(trainer("rprop", groups=[{"match": "*", "optimizer": "adam"}]))


@pytest.mark.parametrize("rule", ["lbfgs", "rprop"])
@pytest.mark.parametrize("nested", [False, True])
def test_layers_that_draw_spoil_the_objective_of_a_line_search_and_of_signs(rule, nested):
    drawing = bp.layers.dropout(0.5, label="half")
    layer = bp.layers.sequential([drawing, bp.layers.dense(4)], label="half") if nested else drawing
    with pytest.warns(UserWarning, match=f"{rule} needs the same objective at each step: leave out layer 'half'"):
        fit(trainer(rule, layers=[layer]), size=32)
    fit(trainer("adam", layers=[layer]))


def test_a_layer_whose_rate_is_0_draws_nothing():
    idle = [bp.layers.dropout(0.0), bp.layers.alpha_dropout(0.0), bp.layers.gaussian_noise(0.0)]
    fit(trainer("lbfgs", layers=idle), size=32)


def test_a_sampler_that_shows_other_rows_in_each_epoch_is_warned_of_and_one_that_orders_them_not():
    labels = (X[:, 0] > 1).astype(int)
    network = bp.Network([bp.layers.dense(2)], inputs=4)
    for sampler in ("balanced", "sequential"):
        made = bp.Trainer(network, "softmax_cross_entropy", "rprop", sampler=sampler)
        if sampler == "balanced":
            with pytest.warns(UserWarning, match="rprop needs the same objective at each step: leave out the sampler"):
                made.fit(X, labels, epochs=1, batch_size=100)
        else:
            made.fit(X, labels, epochs=1, batch_size=100)
