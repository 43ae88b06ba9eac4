"""However a fit ends, a checkpoint of its last whole step is left, from which it goes on as if it had not ended."""

from __future__ import annotations

import errno
import math
import signal
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

import bpframe as bp
from bpframe.engine.jax.blocks import Blocks
from bpframe.errors import CheckpointError, NumericalError
from bpframe.registry import registry
from bpframe.saving import tensor_file
from bpframe.training.run_state import RunState
from tests.training.test_resume import ENGINES, X, Y, callbacks, fit, same, trainer

ENDS = [KeyboardInterrupt(), SystemExit(3), RuntimeError("odd"), MemoryError(), OSError(errno.ENOSPC, "no space left")]


class Ends:
    """Raises `error` in `hook`, the n-th time that this is called."""

    def __init__(self, error, hook, n):
        self.error, self.n, self.calls = error, n, 0
        setattr(self, hook, bp.hookimpl(self._named(hook)))

    def _named(self, hook):
        def call(state):
            self.calls += 1
            if self.calls == self.n:
                raise self.error

        call.__name__ = hook
        return call


class Counts:
    """Remembers how many ends of epochs, batches and blocks it has heard of."""

    @bp.hookimpl
    def bpframe_epoch_end(self, state):
        state.memory["epochs"] = [*state.memory.get("epochs", []), state.metrics["train.loss"]]

    @bp.hookimpl
    def bpframe_batch_end(self, state):
        state.memory["batches"] = state.memory.get("batches", 0) + 1


def keeper(folder):
    return bp.callbacks.checkpoint(str(folder), every_seconds=None)


def resumed(folder, *more, **settings):
    (newest,) = folder.glob("step-*")
    again = trainer(more=[keeper(folder), *more], **settings)
    again.restore(newest)
    return again


@pytest.mark.parametrize(
    ("hook", "engine"),
    [
        pytest.param(hook, engine, marks=pytest.mark.slow if engine == "jax" and hook != "bpframe_epoch_end" else [])
        for hook in ("bpframe_block_end", "bpframe_epoch_end", "bpframe_fit_end")
        for engine in ENGINES
    ],
)
def test_a_fit_that_a_callback_ends_goes_on_to_the_same_bytes(tmp_path, engine, hook):
    whole = trainer(engine=engine)
    fit(whole)
    once = hook == "bpframe_fit_end" or (hook == "bpframe_block_end" and engine == "jax")  # a call makes several epochs
    end, n = ENDS[len(hook) % 2], 1 if once else 3
    with pytest.raises(type(end)):
        fit(trainer(engine=engine, callbacks=[Ends(end, hook, n), *callbacks()], more=[keeper(tmp_path)]))
    again = resumed(tmp_path, engine=engine)
    assert again.unfinished
    fit(again)
    same(again, whole)


@pytest.mark.parametrize("end", ENDS, ids=lambda end: type(end).__name__)
@pytest.mark.parametrize("first", [True, False])
def test_callbacks_before_and_behind_one_that_fails_have_heard_as_much(tmp_path, end, first):
    counts, ends = Counts(), Ends(end, "bpframe_epoch_end", 2)
    whole = trainer(callbacks=[counts])
    fit(whole)
    with pytest.raises(type(end)):
        fit(trainer(callbacks=[ends, counts] if first else [counts, ends], more=[keeper(tmp_path)]))
    again = resumed(tmp_path, callbacks=[Counts()])
    fit(again)
    assert again.memories[0] == whole.memories[0]


class Cut:
    """An activation that gets a signal, or raises, the n-th time that it is asked: within a block of steps."""

    end: object = None
    calls, n = 0, -1

    def value(self, u):
        Cut.calls += 1
        if Cut.calls == Cut.n and Cut.end is KeyboardInterrupt:
            signal.raise_signal(signal.SIGINT)
        elif Cut.calls == Cut.n:
            raise Cut.end
        return np.tanh(u)

    def derivative(self, v):
        return (1 - v) * (1 + v)


@dataclass(frozen=True)
class Stumbling:
    """The activation as a component without settings."""

    def value(self, u):
        return Cut().value(u)

    def derivative(self, v):
        return Cut().derivative(v)


@pytest.fixture(autouse=True)
def stumbling(monkeypatch):
    """A name for it, which a checkpoint needs, in these tests alone."""
    monkeypatch.setattr(registry, "_local", dict(registry._local))
    bp.register("activation", "stumbling", Stumbling, replace=True)


@pytest.mark.parametrize(
    "end", [KeyboardInterrupt, MemoryError(), RuntimeError("odd")], ids=["ctrl-c", "memory", "bug"]
)
@pytest.mark.parametrize("n", [40, 41, 57])
@pytest.mark.parametrize("metrics", [[], None])
def test_a_fit_that_ends_within_a_block_keeps_its_last_whole_step(tmp_path, monkeypatch, end, n, metrics):
    def built(*more):
        layers = [bp.layers.dense(8, activation="stumbling"), bp.layers.dropout(0.3), bp.layers.dense(2)]
        return bp.Trainer(bp.Network(layers), "softmax_cross_entropy", "adam", metrics=metrics, callbacks=more)

    def run(made):
        made.fit(X, Y, epochs=20, batch_size=16)
        return made

    whole = run(built(keeper(tmp_path / "whole")))
    monkeypatch.setattr(Cut, "end", end)
    monkeypatch.setattr(Cut, "calls", 0)
    monkeypatch.setattr(Cut, "n", n)
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    cut = built(keeper(tmp_path / "cut"))
    try:
        with pytest.raises((KeyboardInterrupt, MemoryError, RuntimeError)):
            run(cut)
    finally:
        signal.signal(signal.SIGINT, handler)
    (file,) = (tmp_path / "cut").glob("step-*")
    assert file.name == f"step-{cut.session.step:08d}.safetensors"
    assert 0 < cut.session.step < whole.session.step
    again = built(keeper(tmp_path / "again"))
    again.restore(file)
    run(again)
    for each in (whole, again):
        each.memories[0].clear()
    same(again, whole)


def test_a_compiled_block_that_is_cut_short_keeps_its_whole_steps(tmp_path, monkeypatch):
    whole = trainer(engine="jax")
    fit(whole)
    kept, calls = Blocks.keep, []

    def keep(*arguments):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return kept(*arguments)

    monkeypatch.setattr(Blocks, "keep", keep)
    with pytest.raises(KeyboardInterrupt):
        fit(trainer(engine="jax", more=[keeper(tmp_path)]))
    fit(again := resumed(tmp_path, engine="jax"))
    same(again, whole)


def test_an_exception_while_an_epoch_is_measured_leaves_the_epoch_to_the_next_fit(tmp_path, monkeypatch):
    whole = trainer()
    fit(whole)
    scores, calls = type(whole.session).scores, []

    def failing(self, x):
        calls.append(1)
        if len(calls) == 3:
            raise MemoryError
        return scores(self, x)

    monkeypatch.setattr(type(whole.session), "scores", failing)
    with pytest.raises(MemoryError):
        fit(trainer(more=[keeper(tmp_path)]))
    fit(again := resumed(tmp_path))
    same(again, whole)


@pytest.mark.parametrize("lr", [1e3, 1e38])
def test_where_numbers_stop_being_finite_the_last_finite_step_is_kept(tmp_path, lr):
    made = bp.Trainer(
        bp.Network([bp.layers.dense(8, activation="relu"), bp.layers.dense(1)]),
        "mse",
        {"name": "sgd", "lr": lr},
        callbacks=[bp.callbacks.checkpoint(str(tmp_path), every_steps=1, keep=2)],
    )
    with pytest.raises(NumericalError):
        made.fit(X, Y[:, None].astype(float), epochs=30, batch_size=16)
    newest = max(tmp_path.glob("step-*"))
    assert newest.name == f"step-{made.session.step:08d}.safetensors"
    kept = bp.Trainer.resume(newest)
    assert all(np.isfinite(value).all() for value in kept.parameters.copy().values())
    with pytest.raises(NumericalError):  # at the same step, as the fit that was not stopped
        kept.fit(X, Y[:, None].astype(float), epochs=30, batch_size=16)
    assert kept.session.step == made.session.step


def test_a_disk_that_is_full_leaves_the_file_before_and_the_first_error(tmp_path, monkeypatch):
    write, calls = tensor_file.write_tensors, []

    def filled(*arguments):
        calls.append(1)
        if len(calls) > 2:
            raise CheckpointError("the disk is full.")
        write(*arguments)

    monkeypatch.setattr(tensor_file, "write_tensors", filled)
    made = trainer(more=[bp.callbacks.checkpoint(str(tmp_path), every_steps=2), Ends(None, "bpframe_fit_end", -1)])
    with pytest.raises(CheckpointError, match="disk is full") as caught:
        fit(made)
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"step-{n:08d}.safetensors" for n in (2, 4)]
    assert made.session.step == 6
    assert caught.value.__context__ is None
    monkeypatch.undo()
    whole = trainer()
    fit(whole)
    again = trainer(more=[keeper(tmp_path / "new")])
    again.restore(tmp_path / "step-00000004.safetensors")
    fit(again)
    same(again, whole)


def test_an_exception_before_the_first_step_writes_nothing(tmp_path):
    with pytest.raises(RuntimeError, match="odd"):
        fit(trainer(more=[keeper(tmp_path), Ends(RuntimeError("odd"), "bpframe_fit_start", 1)]))
    assert list(tmp_path.iterdir()) == []


def test_a_value_that_is_not_a_number_is_never_the_best(tmp_path):
    class Model:
        """Notes where it is saved."""

        saved: ClassVar[list[float]] = []

        def save(self, path):
            Model.saved.append(state.metrics["validation.r2"])

    keep = bp.callbacks.checkpoint(str(tmp_path), best="validation.r2")
    state = RunState(Model(), bp.History(), {"validation.r2": "max"}, 5, [{}], memory={"best": None})
    for value in (math.nan, 0.1, math.nan, 0.3, 0.2):
        state.metrics = {"validation.r2": value}
        keep.bpframe_epoch_end(state)
    assert Model.saved == [0.1, 0.3]


def test_a_new_trainer_leaves_the_files_of_another_run_alone_and_keeps_its_own(tmp_path):
    first = trainer(more=[bp.callbacks.checkpoint(str(tmp_path), every_steps=5, keep=2, best="validation.loss")])
    fit(first)
    files = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    second = trainer(seed=1, more=[bp.callbacks.checkpoint(str(tmp_path), every_steps=5, keep=1)])
    second.fit(X, Y, epochs=1, batch_size=16, validation=(X, Y))
    assert {path.name for path in tmp_path.glob("step-*")} == {"step-00000005.safetensors"}
    assert {path.name: path.read_bytes() for path in tmp_path.glob("earlier-*")} == {
        f"earlier-1-{name}": content for name, content in files.items()
    }
    second.fit(X, Y, epochs=1, batch_size=16, validation=(X, Y))  # the same run goes on
    assert {path.name for path in tmp_path.glob("step-*")} == {"step-00000010.safetensors"}
    fit(trainer(more=[bp.callbacks.checkpoint(str(tmp_path), every_steps=5)]))
    assert (tmp_path / "earlier-2-step-00000010.safetensors").exists()
