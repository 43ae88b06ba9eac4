"""Groups of parameters that are frozen until an epoch, batch statistics with them, on both engines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bpframe as bp
from bpframe import tree
from bpframe.errors import ConfigError

X = np.random.default_rng(0).normal(size=(24, 4))
Y = np.arange(24) % 3
ENGINES = ("numpy", "jax")
FIRST = {"match": "dense_1/*", "frozen": True, "until": 2}


class Epochs:
    """Keeps the parameters before the fit and after each epoch."""

    def __init__(self) -> None:
        self.seen: list[dict[str, Any]] = []

    @bp.hookimpl
    def bpframe_fit_start(self, state: Any) -> None:
        self.seen.append(dict(state.parameters))

    @bp.hookimpl
    def bpframe_epoch_end(self, state: Any) -> None:
        self.seen.append(dict(state.parameters))

    def changed(self, epoch: int) -> set[str]:
        old, new = self.seen[epoch : epoch + 2]
        return {name for name in new if not np.array_equal(old[name], new[name])}


def trainer(engine: str = "numpy", groups: Any = (FIRST,), **parts: Any) -> bp.Trainer:
    dense = bp.layers.dense(5, activation="tanh")
    network = bp.Network([dense, "batch_norm", dense, bp.layers.dense(3)])
    parts = {"optimizer": "adam", "dtype": "float64", "engine": engine, "groups": groups} | parts
    return bp.Trainer(network, "softmax_cross_entropy", **parts)


def fitted(made: bp.Trainer, epochs: int = 6) -> bp.Trainer:
    made.fit(X, Y, epochs=epochs, batch_size=8, verbose=0)
    return made


@pytest.mark.parametrize("engine", ENGINES)
def test_a_group_rests_until_its_epoch_and_batch_statistics_with_it(engine):
    epochs = Epochs()
    until = [{"match": ["dense_1/*", "batch_norm_1/*"], "frozen": True, "until": 2}]
    fitted(trainer(engine, until, callbacks=[epochs]))
    others = {"dense_2/weight", "dense_2/bias", "dense_3/weight", "dense_3/bias"}
    assert epochs.changed(0) == epochs.changed(1) == others
    assert all(epochs.changed(epoch) == set(epochs.seen[0]) for epoch in range(2, 6))


@pytest.mark.parametrize("engine", ENGINES)
def test_layers_are_unfrozen_one_by_one_from_the_last(engine):
    epochs = Epochs()
    fitted(trainer(engine, [{"match": "*", "frozen": True, "until": 1, "gradual": 1}], callbacks=[epochs]))
    layers = [sorted({name.partition("/")[0] for name in epochs.changed(epoch)}) for epoch in range(6)]
    order = ["dense_3", "dense_2", "batch_norm_1", "dense_1"]
    assert layers == [sorted(order[:k]) for k in (0, 1, 2, 3, 4, 4)]


def test_engines_agree_on_groups_that_wake():
    one, other = (fitted(trainer(engine, metrics=[])) for engine in ENGINES)
    np.testing.assert_allclose(one.history.train["loss"], other.history.train["loss"], rtol=1e-10)
    for name, value in one.parameters.items():
        np.testing.assert_allclose(other.parameters[name], value, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_rule_counts_the_steps_of_a_group_from_where_it_woke(engine):
    """Adam's first step is lr sign(g), whatever came before."""
    epochs = Epochs()
    made = bp.Trainer(
        bp.Network([bp.layers.dense(3)]),
        "softmax_cross_entropy",
        {"name": "adam", "lr": {"name": "linear", "initial": 0.1, "final": 0.0}},
        engine=engine,
        dtype="float64",
        callbacks=[epochs],
        groups=[{"match": "*/weight", "frozen": True, "until": 2}],
    )
    made.fit(X, Y, epochs=4, batch_size=24, verbose=0)
    step = np.abs(epochs.seen[3]["dense_1/weight"] - epochs.seen[2]["dense_1/weight"])
    np.testing.assert_allclose(step, 0.05, rtol=1e-5)  # the schedule goes on with the run


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("at", [4, 10])  # before and after the group wakes, within an epoch
def test_a_resumed_fit_wakes_groups_at_the_same_step(engine, at, tmp_path: Path):
    path = tmp_path / "state.safetensors"

    class Writes:
        @bp.hookimpl
        def bpframe_batch_end(self, state: Any) -> None:
            if state.step == at:
                state.trainer.checkpoint(path)

    whole = fitted(trainer(engine, callbacks=[Writes()]))
    resumed = fitted(bp.Trainer.resume(path, callbacks=[]))
    assert resumed.history.train == whole.history.train
    for name, value in whole.parameters.items():
        assert resumed.parameters[name].tobytes() == value.tobytes()


def test_epochs_count_over_several_fits_and_a_file_keeps_the_group(tmp_path: Path):
    epochs = Epochs()
    made = trainer(callbacks=[epochs])
    for _ in range(3):
        fitted(made, 1)
    moved = [not np.array_equal(*(seen["dense_1/weight"] for seen in epochs.seen[k : k + 2])) for k in (0, 2, 4)]
    assert moved == [False, False, True]
    made.save(tmp_path / "model.safetensors")
    assert bp.Trainer.load(tmp_path / "model.safetensors").groups[0].until == 2


@pytest.mark.parametrize("engine", ENGINES)
def test_an_average_of_a_resting_group_is_its_parameter(engine):
    made = trainer(
        engine, [{"match": "*/weight", "frozen": True, "until": 3}], optimizer={"name": "ema", "inner": "sgd"}
    )
    fitted(made, 2)
    for path, value in tree.leaves(made.network.init(0, (4,))[0]):
        if path[-1] == "weight":
            np.testing.assert_array_equal(made.parameters["/".join(path)], value)
    fitted(made, 2)
    assert not np.array_equal(made.parameters["dense_3/weight"], made.network.init(0, (4,))[0]["dense_3"]["weight"])


@pytest.mark.parametrize(
    ("groups", "parts", "words"),
    [
        ([{"match": "*", "until": 2}], {}, "needs frozen=True for until"),
        ([{"match": "*", "frozen": True, "until": -1}], {}, "whole number of at least 0 as until"),
        ([FIRST], {"optimizer": "lbfgs"}, "Leave out until"),
    ],
)
def test_what_cannot_wake_is_refused(groups, parts, words):
    with pytest.raises(ConfigError, match=words):
        fitted(trainer(groups=groups, **parts))
