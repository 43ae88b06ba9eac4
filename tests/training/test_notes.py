"""Notes and curves of a callback's own, and the trace of training rows, in hooks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import bpframe as bp
from bpframe.errors import CheckpointError

X = np.random.default_rng(0).normal(size=(30, 4))
Y = np.arange(30) % 3


class Talks:
    """Notes its hooks, and observes the number of the latest step it saw."""

    @bp.hookimpl
    def bpframe_fit_start(self, state: Any) -> None:
        state.note("starts")
        state.observed["seen"] = -1.0

    @bp.hookimpl
    def bpframe_block_end(self, state: Any) -> None:
        if state.done == state.steps:
            state.note(f"block to {state.step}")
            state.observed["seen"] = float(state.step)

    @bp.hookimpl
    def bpframe_epoch_end(self, state: Any) -> None:
        state.note(f"epoch {state.epoch}")


def fitted(*callbacks: Any, **fit: Any) -> bp.Trainer:
    made = bp.Trainer(bp.Network([bp.layers.dense(3)]), "softmax_cross_entropy", callbacks=callbacks)
    made.fit(X, Y, **{"epochs": 2, "batch_size": 10, "verbose": 0, **fit})
    return made


def test_notes_stand_in_the_record_of_their_epoch():
    history = fitted(Talks()).history
    notes = [record["notes"] for record in history.epochs()]
    assert notes == [["starts", "block to 3", "epoch 0"], ["block to 6", "epoch 1"]]
    assert "notes" not in fitted().history.record(0)


def test_a_checkpoint_keeps_notes_and_has_none_of_them_where_there_are_none(tmp_path):
    path = tmp_path / "state.safetensors"
    made = fitted(Talks())
    made.checkpoint(path)
    assert bp.Trainer.resume(path, callbacks=[Talks()]).history.notes == made.history.notes
    assert "notes" not in fitted().history.saved()


def test_notes_that_are_none_are_refused(tmp_path):
    path = tmp_path / "state.safetensors"
    made = fitted()
    made.history.notes = [("one", "sentence")]  # type: ignore[list-item]  # what a changed file may hold
    made.checkpoint(path)
    with pytest.raises(CheckpointError, match=r"history\.notes needs pairs of an epoch and a sentence"):
        bp.Trainer.resume(path)


def test_what_is_observed_is_a_curve_of_training_from_then_on():
    made = fitted(Talks())
    assert made.history.train["seen"] == [3.0, 6.0]
    assert "seen" not in fitted().history.train


def test_the_trace_of_training_rows_is_that_of_the_trainer():
    rows, seen = np.array([4, 20, 7]), []

    class Looks:
        @bp.hookimpl
        def bpframe_fit_end(self, state: Any) -> None:
            seen.append((state.data.x[rows], state.trace(rows)))

    made = fitted(Looks())
    ((x, found),) = seen
    expected = made.trace(X[rows], Y[rows])
    np.testing.assert_array_equal(x, X[rows].astype(np.float32))
    np.testing.assert_array_equal(found[0].v, expected[0].v)
    np.testing.assert_array_equal(found[0].dw, expected[0].dw)
    assert found.loss == expected.loss
