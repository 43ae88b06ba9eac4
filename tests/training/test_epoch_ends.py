"""Epochs that an engine makes in one go: what is looked at, and decided, at the end of each is as one by one."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

import bpframe as bp
from bpframe.engine.numpy.session import NumpySession
from bpframe.errors import BpframeError

rng = np.random.default_rng(3)
X = rng.normal(size=(70, 5)).astype(np.float32)
Y = (X[:, 0] + 0.8 * rng.normal(size=70) > 0).astype(int)
VALID = rng.normal(size=(20, 5)).astype(np.float32), rng.integers(2, size=20)  # of which nothing can be learned
STEPS, EPOCHS = 5, 120  # of 14 rows


class Prompt:
    """Hears of each epoch before the next one is made, so that no two are made in one go."""

    @bp.hookimpl
    def bpframe_epoch_end(self, state: Any) -> None:
        """Nothing."""


@dataclass(frozen=True)
class LateMean:
    """p <- p - lr g, and a running mean of p, with which it predicts from a step on."""

    lr: float = 0.03
    scope: ClassVar[str] = "element"

    def init(self, p: Any) -> dict[str, Any]:
        """The mean is p at first."""
        return {"mean": p + 0}

    def update(self, p: Any, g: Any, state: dict[str, Any], h: Any) -> tuple[Any, dict[str, Any]]:
        """One step."""
        p = p - h.lr * g
        return p, {"mean": 0.9 * state["mean"] + 0.1 * p}

    def evaluation_params(self, p: Any, state: dict[str, Any], h: Any) -> Any:
        """The mean, once 30 steps are made."""
        return state["mean"] if h.step > 30 else p


class BlockCount:
    """Counts the blocks of a fit, and hears of nothing else."""

    count = 0

    @bp.hookimpl
    def bpframe_block_end(self, state: Any) -> None:
        """One more."""
        self.count += 1


@dataclass
class CutOff:
    """Writes a checkpoint when an exception has ended the fit."""

    path: Path
    step = 0

    @bp.hookimpl
    def bpframe_exception(self, state: Any) -> None:
        """That."""
        self.step = state.step
        state.trainer.checkpoint(self.path)


class Calls:
    """Counts the blocks of a fit; may raise at the end of an epoch, or write a checkpoint there."""

    rewinds = True

    def __init__(self, path: Path | None = None, at: int = 0, error: type[BaseException] | None = None) -> None:
        self.path, self.at, self.error = path, at, error
        self.blocks, self.inner = 0, False

    @bp.hookimpl
    def bpframe_block_end(self, state: Any) -> None:
        """One more."""
        self.blocks += 1

    @bp.hookimpl
    def bpframe_epoch_end(self, state: Any) -> None:
        """What it was made for, at the first epoch from `at` on behind which others are made."""
        self.inner = state.trainer.session.step > state.step
        if self.at and self.inner and state.epoch >= self.at and (self.path or self.error):
            if self.error is not None:
                raise self.error
            state.trainer.checkpoint(self.path)
            self.path = None


def trainer(*callbacks: Any, engine: str = "jax", patience: int = 25, **parts: Any) -> bp.Trainer:
    """A small net that is stopped early, and one metric whose sums are counts."""
    layers = [bp.layers.dense(8, activation="tanh"), *parts.pop("layers", []), bp.layers.dense(2)]
    stop = bp.callbacks.early_stopping(patience=patience, monitor=parts.pop("monitor", "validation.loss"))
    optimizer = {"name": "adam", "lr": 0.03}
    parts = {"optimizer": optimizer, "engine": engine, "callbacks": [stop, *callbacks], **parts}
    return bp.Trainer(bp.Network(layers), "softmax_cross_entropy", **parts)


def numpy_trainer(*callbacks: Any, **parts: Any) -> bp.Trainer:
    """The same net on engine numpy, which no callback stops."""
    layers = [bp.layers.dense(8, activation="tanh"), *parts.pop("layers", []), bp.layers.dense(2)]
    parts = {"optimizer": {"name": "adam", "lr": 0.03}, "engine": "numpy", "callbacks": list(callbacks), **parts}
    return bp.Trainer(bp.Network(layers), "softmax_cross_entropy", **parts)


def fit(made: bp.Trainer, epochs: int = EPOCHS) -> bp.Trainer:
    """It, with validation."""
    made.fit(X, Y, epochs=epochs, batch_size=14, validation=VALID, verbose=0)
    return made


def same(one: bp.Trainer, other: bp.Trainer) -> None:
    """Histories, parameters, what the session would go on with and early stopping's memory, to the bit."""
    same_numbers(one, other)
    assert one.memories[0].keys() == other.memories[0].keys()
    pair = [made.memories[0].pop("parameters") for made in (one, other)]
    assert one.memories[0] == other.memories[0]
    same_arrays(*pair)


def same_numbers(one: bp.Trainer, other: bp.Trainer) -> None:
    """Histories, parameters, and what the session would go on with, to the bit."""
    assert one.history.train == other.history.train
    assert one.history.validation == other.history.validation
    assert one.history.step == other.history.step
    same_arrays(one.session.snapshot(), other.session.snapshot())


def same_arrays(mine: Any, theirs: Any) -> None:
    """Arrays by name."""
    for name, value in mine.items():
        np.testing.assert_array_equal(value, theirs[name], err_msg=name)


@pytest.mark.parametrize(("size", "monitor", "patience"), [(14, "validation.loss", 25), (16, "train.accuracy", 9)])
def test_early_stopping_ends_a_fit_where_it_would_epoch_by_epoch_in_fewer_blocks(monitor, size, patience):
    calls = Calls()
    made, wanted = (trainer(each, monitor=monitor, patience=patience) for each in (calls, Prompt()))
    for one in (made, wanted):
        one.fit(X, Y, epochs=EPOCHS, batch_size=size, validation=VALID, verbose=0)
    assert len(made.history) < EPOCHS
    assert calls.blocks < len(made.history) / 1.5
    same(made, wanted)


def test_layers_with_statistics_and_draws_are_shown_as_they_were_at_the_end_of_an_epoch():
    layers = ["batch_norm", bp.layers.dropout(0.2)]
    made, wanted = (fit(trainer(*more, layers=layers)) for more in ((), (Prompt(),)))
    same(made, wanted)


@pytest.mark.parametrize(
    ("engine", "widths"),
    [("jax", (8,)), ("jax", (450, 450)), ("numpy", (8,))],
    ids=["jax, 1 kB", "jax, 0.8 MB", "numpy, 1 kB"],  # of parameters
)
def test_validation_alone_ends_no_block(engine, widths):
    layers = [bp.layers.dense(n, activation="tanh") for n in widths] + [bp.layers.dense(2)]
    parts: dict[str, Any] = {"optimizer": {"name": "adam", "lr": 0.003}, "engine": engine}
    blocks = BlockCount()
    made = fit(bp.Trainer(bp.Network(layers), "softmax_cross_entropy", callbacks=[blocks], **parts))
    wanted = fit(bp.Trainer(bp.Network(layers), "softmax_cross_entropy", callbacks=[Prompt()], **parts))
    assert blocks.count < EPOCHS / 4
    assert made.history.validation == wanted.history.validation
    assert made.history.train == wanted.history.train


@pytest.mark.parametrize(
    "parts",
    [
        {"layers": ["batch_norm", bp.layers.dropout(0.2)]},
        {"optimizer": {"name": "ema", "inner": "adam"}},
        {"optimizer": "schedule_free_sgd"},
        {"optimizer": LateMean()},
    ],
    ids=["statistics and draws", "averages", "averages made anew", "averages from a step on"],
)
def test_engine_numpy_shows_what_it_predicts_with_at_each_end(parts):
    blocks = BlockCount()
    made, wanted = (fit(numpy_trainer(each, **deepcopy(parts))) for each in (blocks, Prompt()))
    assert blocks.count < EPOCHS / 4
    same_numbers(made, wanted)


def test_a_block_that_is_cut_off_on_engine_numpy_leaves_the_first_epoch_that_nobody_has_seen(tmp_path, monkeypatch):
    file = tmp_path / "cut_off.safetensors"
    last = CutOff(file)
    made = numpy_trainer(last)
    begin = NumpySession._begin

    def cut_off(session: NumpySession, batches: Any, i: int) -> None:
        if session.step == 8 * STEPS + 2:
            raise KeyboardInterrupt
        begin(session, batches, i)

    monkeypatch.setattr(NumpySession, "_begin", cut_off)
    with pytest.raises(KeyboardInterrupt):
        fit(made)
    monkeypatch.undo()
    assert made.session.step == last.step == STEPS
    again, wanted = numpy_trainer(CutOff(file)), numpy_trainer()
    again.restore(file)
    same_numbers(fit(again), fit(wanted))


def test_engine_numpy_stops_at_the_same_epoch_with_the_same_numbers():
    one, other = (fit(trainer(engine=engine, dtype="float64")) for engine in ("jax", "numpy"))
    assert one.memories[0]["epoch"] == other.memories[0]["epoch"]
    for part in ("train", "validation"):
        for name, values in getattr(one.history, part).items():
            np.testing.assert_allclose(values, getattr(other.history, part)[name], rtol=1e-10, err_msg=name)


def test_a_further_fit_goes_on_from_the_epoch_at_which_the_first_was_stopped():
    made, wanted = trainer(), trainer(Prompt())
    for one in (made, wanted):
        fit(one)
        fit(one, epochs=4)
    same(made, wanted)


@pytest.mark.parametrize("rule", [{"name": "ema", "inner": "adam"}, {"name": "swa", "inner": "sgd", "start": 40}])
def test_averages_that_a_rule_keeps_are_those_of_the_end_of_an_epoch(rule):
    calls = Calls()
    made, wanted = (fit(trainer(each, optimizer=rule), epochs=60) for each in (calls, Prompt()))
    assert calls.blocks < len(made.history) / 1.5
    same(made, wanted)


def test_averages_of_a_group_that_rests_at_first_are_shown_once_it_trains():
    groups = [{"match": "*/weight", "frozen": True, "until": 4}]
    rule = {"name": "ema", "inner": "adam"}
    made, wanted = (fit(trainer(*more, optimizer=rule, groups=groups), epochs=30) for more in ((), (Prompt(),)))
    same(made, wanted)


@pytest.mark.parametrize("rule", ["schedule_free_sgd", LateMean()], ids=["makes its average anew", "asks for the step"])
def test_a_rule_that_predicts_with_no_array_of_its_state_is_looked_at_epoch_by_epoch(rule):
    calls = Calls()
    fit(trainer(calls, optimizer=rule), epochs=12)
    assert calls.blocks >= 12


def test_the_best_model_of_a_checkpoint_folder_is_that_of_its_epoch(tmp_path):
    folders = tmp_path / "ahead", tmp_path / "each"
    for folder, more in zip(folders, ([], [Prompt()]), strict=True):
        fit(trainer(bp.callbacks.checkpoint(folder, best="validation.loss"), *more))
    one, other = (bp.Trainer.load(folder / "best.safetensors").parameters for folder in folders)
    for name, value in one.items():
        np.testing.assert_array_equal(value, other[name], err_msg=name)


@pytest.mark.parametrize("every", [7, 20])
def test_a_run_that_is_resumed_from_between_epochs_ends_as_one_that_never_stopped(tmp_path, every):
    keep = bp.callbacks.checkpoint(tmp_path, every_steps=every, keep=99)
    whole = fit(trainer(keep))
    same_whole = fit(trainer())
    files = sorted(tmp_path.glob("step-*"))
    assert len(files) > 2
    for file in files[:: max(1, len(files) // 3)]:
        made = trainer(bp.callbacks.checkpoint(tmp_path / "more", every_seconds=None))
        made.restore(file)
        fit(made)
        assert made.history.validation == whole.history.validation == same_whole.history.validation
        assert made.history.train == whole.history.train
        for name, value in whole.parameters.items():
            np.testing.assert_array_equal(made.parameters[name], value, err_msg=name)


def test_a_checkpoint_written_at_an_epoch_behind_which_others_are_made_is_of_that_epoch(tmp_path):
    calls = Calls(tmp_path / "state.safetensors", at=8)
    made, wanted = fit(trainer(calls)), fit(trainer(Calls()))
    assert calls.path is None
    again = trainer(Calls())
    again.restore(tmp_path / "state.safetensors")
    assert again.session.step == again.history.step[-1]
    assert fit(again).history.validation == wanted.history.validation == made.history.validation
    same(made, wanted)


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_an_exception_at_an_epoch_behind_which_others_are_made_leaves_the_run_there(tmp_path, error):
    keep = bp.callbacks.checkpoint(tmp_path, every_seconds=None)
    made = trainer(keep, Calls(at=8, error=error))
    with pytest.raises((error, BpframeError)):
        fit(made)
    assert made.session.step == made.history.step[-1] == STEPS * len(made.history)
    (file,) = tmp_path.glob("step-*")
    assert file.name == f"step-{made.session.step:08d}.safetensors"
    again = trainer(bp.callbacks.checkpoint(tmp_path / "more", every_seconds=None), Calls())
    again.restore(file)
    same(fit(again), fit(trainer(bp.callbacks.checkpoint(tmp_path / "other", every_seconds=None), Calls())))
