"""Epochs after which a network predicts as before: what waits for an improvement does not count them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest

import bpframe as bp

RNG = np.random.default_rng(0)
X = RNG.normal(size=(32, 4))
Y = (X @ [1, -2, 0.5, 0])[:, None]
ENGINES = ["numpy", pytest.param("jax", marks=pytest.mark.slow)]
SAID = pytest.mark.filterwarnings("ignore:.*will not count an epoch without as not improved")


@dataclass(frozen=True)
class LateAverage:
    """A foreign rule: gradient descent that predicts with the parameters of every 10th update, undeclared."""

    lr: float = 0.05
    scope: ClassVar[str] = "element"

    def init(self, p):
        return {"shown": p}

    def update(self, p, g, state, h):
        xp = p.__array_namespace__()
        p = p - h.lr * g
        return p, {"shown": xp.where(xp.asarray(h.step % 10 == 0), p, state["shown"])}

    def evaluation_params(self, p, state, h):
        return state["shown"]


RULES = {
    "lookahead": {"optimizer": {"name": "lookahead", "inner": "adam", "steps": 10, "alpha": 1.0}},
    "accumulate": {"optimizer": "adam", "gradient_steps": [{"name": "accumulate", "steps": 10}]},
    "a foreign average": {"optimizer": LateAverage()},
}


def trainer(engine: Any = "numpy", **options: Any) -> bp.Trainer:
    network = bp.Network([bp.layers.dense(5, "tanh"), bp.layers.dense(1)], inputs=4)
    return bp.Trainer(network, "mse", engine=engine, dtype="float64", metrics=[], **{"optimizer": "sgd", **options})


def fit(made: bp.Trainer, epochs: int = 12) -> bp.Trainer:
    """Of 4 batches, so that every third epoch, or the second of two, has an update of 10."""
    made.fit(X, Y, epochs=epochs, batch_size=8, validation=(X, Y), verbose=0)
    return made


@SAID
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("rule", RULES)
def test_epochs_that_cannot_improve_spend_no_patience(rule, engine):
    made = fit(trainer(engine, callbacks=[bp.callbacks.early_stopping(patience=2)], **RULES[rule]))
    curve = made.history.curve("validation.loss")
    assert len(curve) == 12
    assert len(set(curve)) == 5  # the start, and after 10, 20, 30 and 40 batches
    idle = [epoch for epoch in range(2, 13) if curve[epoch - 1] == curve[epoch - 2]]
    assert made.history.idle["validation"] == sorted({*idle, *made.history.idle.get("train", [])})


@SAID
@pytest.mark.parametrize("rule", RULES)
def test_epochs_that_change_and_do_not_improve_spend_it(rule):
    stopping = bp.callbacks.early_stopping(patience=2, min_delta=100.0)  # only the first value is an improvement
    made = fit(trainer(callbacks=[stopping], **RULES[rule]), epochs=40)
    changes = np.flatnonzero(np.diff(made.history.curve("validation.loss"))) + 2  # epochs, from 1
    assert len(made.history) == changes[1]


@SAID
@pytest.mark.parametrize("rule", RULES)
def test_a_plateau_is_one_of_epochs_that_change(rule):
    lr: Any = bp.schedules.reduce_on_plateau(bp.schedules.constant(0.02), min_delta=100.0, factor=0.5, patience=2)
    options = dict(RULES[rule])
    if rule == "lookahead":
        options["optimizer"] = {**options["optimizer"], "inner": {"name": "adam", "lr": lr}}
    elif rule == "accumulate":
        options["optimizer"] = {"name": "adam", "lr": lr}
    else:
        options["optimizer"] = LateAverage(lr)
    made = fit(trainer(**options))
    changes = np.flatnonzero(np.diff(made.history.curve("validation.loss"))) + 2
    first = next(i for i, rate in enumerate(made.history.lr, start=1) if rate < 0.015)
    assert first > changes[1]  # two epochs that changed and were no better; by all epochs it would be the fourth


@SAID
@pytest.mark.parametrize("every", [3, 4, 5])
@pytest.mark.parametrize("rule", ["lookahead", "accumulate"])
def test_a_run_resumed_anywhere_knows_which_epochs_were_idle(tmp_path, rule, every):
    checkpoint = bp.callbacks.checkpoint(str(tmp_path), every_steps=every, keep=99)
    parts = RULES[rule] | {"callbacks": [bp.callbacks.early_stopping(patience=2, min_delta=100.0), checkpoint]}
    whole = fit(trainer(**parts), epochs=9)
    for path in sorted(tmp_path.glob("*.safetensors"))[::3]:
        again = fit(bp.Trainer.resume(path), epochs=9)
        assert again.history.step == whole.history.step
        assert again.history.idle == whole.history.idle


@SAID
def test_an_epoch_that_looks_better_by_its_draws_alone_is_not_the_best():
    parts = RULES["accumulate"] | {"callbacks": [bp.callbacks.early_stopping("train.loss", patience=50)]}
    parts |= {"optimizer": {"name": "sgd", "lr": 0.0}}  # all differences are draws
    layers = [bp.layers.dense(5, "tanh"), bp.layers.dropout(0.5), bp.layers.dense(1)]
    made = bp.Trainer(bp.Network(layers), "mse", metrics=[], **parts, seed=1)
    made.fit(X, Y, epochs=12, batch_size=8, verbose=0)
    curve, idle = made.history.curve("train.loss"), made.history.idle["train"]
    assert min(curve) < min(value for i, value in enumerate(curve, start=1) if i == 1 or i not in idle)
    assert made.memories[0]["epoch"] not in set(idle) - {1}


def test_training_curves_count_while_weights_move_that_do_not_predict():
    stopping = bp.callbacks.early_stopping("train.loss", patience=2, min_delta=100.0)
    made = trainer(callbacks=[stopping], **RULES["lookahead"])
    made.fit(X, Y, epochs=40, batch_size=8, verbose=0)
    assert len(made.history) == 3


def test_where_every_epoch_has_an_update_nothing_is_noted_or_written(tmp_path):
    made = fit(trainer(callbacks=[bp.callbacks.early_stopping(patience=50)]), epochs=3)
    assert (made.history.idle, made.history.averaged) == ({}, "")
    assert not {"idle", "averaged"} & made.history.saved().keys()


# said before the first step


def test_what_waits_is_named_where_an_update_takes_more_batches_than_an_epoch_has():
    made = trainer(callbacks=["early_stopping"], **RULES["accumulate"])
    with pytest.warns(UserWarning, match="update takes 10 batches, and an epoch has 4: early_stopping will not count"):
        fit(made)
    made = trainer(callbacks=["early_stopping"], **RULES["lookahead"])
    with pytest.warns(UserWarning, match="lookahead renews what predicts every 10 batches, and an epoch has 4"):
        fit(made)


def test_nothing_is_said_where_nothing_waits_or_epochs_are_long_enough():
    fit(trainer(**RULES["accumulate"]))
    fit(trainer(callbacks=["early_stopping"], optimizer={"name": "lookahead", "inner": "adam", "steps": 4}))
