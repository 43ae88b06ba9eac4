"""A callback that can wait hears of epochs later, in their order, and of the same numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import bpframe as bp
from bpframe.errors import PluginError
from tests.training.listeners import STEPS, X, Y, fit, listener, trainer


class Patient:
    """Hears of epochs when `ahead` of them are made, and notes what it is told."""

    def __init__(self, ahead: Any, stop: int | None = None) -> None:
        self.ahead, self.stop = ahead, stop
        self.seen: list[Any] = []

    @bp.hookimpl
    def bpframe_epochs_ahead(self, state: Any) -> Any:
        """So many."""
        return self.ahead

    @bp.hookimpl
    def bpframe_epoch_end(self, state: Any) -> None:
        """Note the epoch, and what is known of it."""
        history = len(state.history)
        place = state.epoch, state.step, state.done
        self.seen.append((place, history, dict(state.metrics), state.loss, state.latest.shape, made(state)))
        if state.epoch == self.stop:
            state.stop("enough")


def made(state: Any) -> int:
    """Steps that the session has made."""
    return state.trainer.session.step


def patiently(*callbacks: Any, epochs: int = 7, engine: Any = "numpy") -> bp.Trainer:
    """A fit that nobody measures between epochs."""
    trained = trainer(*callbacks, metrics=[], engine=engine)
    trained.fit(X, Y, epochs=epochs, batch_size=4)
    return trained


@pytest.mark.parametrize("engine", ["numpy", "jax"])
def test_who_can_wait_is_told_of_epochs_in_their_order_when_all_of_them_are_made(engine):
    waiting, prompt = Patient(3), Patient(1)
    late, at_once = patiently(waiting, engine=engine), patiently(prompt, engine=engine)
    told = [seen[-1] // STEPS for seen in waiting.seen]
    assert told == [3, 3, 3, 6, 6, 6, 7] if engine == "numpy" else told[1:] == [3, 3, 6, 6, 6, 7]  # first it is timed
    assert [seen[-1] // STEPS for seen in prompt.seen] == [1, 2, 3, 4, 5, 6, 7]
    assert [seen[:-1] for seen in waiting.seen] == [seen[:-1] for seen in prompt.seen]
    assert [seen[0] for seen in waiting.seen] == [(k, (k + 1) * STEPS, STEPS) for k in range(7)]
    assert late.history.train == at_once.history.train
    assert late.history.step == at_once.history.step
    for name, value in late.parameters.items():
        np.testing.assert_array_equal(at_once.parameters[name], value)


def test_the_least_patient_callback_decides_and_one_that_does_not_say_waits_for_nothing():
    for others, wanted in (([Patient(4)], [2, 2, 4]), ([listener(lambda *_: None, "bpframe_epoch_end")], [1, 2, 3])):
        waiting = Patient(2)
        patiently(*others, waiting)
        assert [seen[-1] // STEPS for seen in waiting.seen[:3]] == wanted
    waiting = Patient(2)
    patiently(listener(lambda *_: None, "bpframe_epoch_start"), waiting)
    assert [seen[-1] // STEPS for seen in waiting.seen[:3]] == [1, 2, 3]


def test_somebody_who_can_wait_for_ever_waits_for_the_end_of_the_fit():
    waiting = Patient(float("inf"))
    patiently(waiting)
    assert [seen[-1] // STEPS for seen in waiting.seen] == [7] * 7


def test_epochs_that_were_made_when_somebody_stops_are_in_the_history():
    waiting = Patient(4, stop=1)
    trained = patiently(waiting)
    assert len(trained.history) == 4 == trained.session.step // STEPS
    assert [seen[0][0] for seen in waiting.seen] == [0, 1, 2, 3]


def test_an_epoch_that_was_begun_when_somebody_stops_is_in_the_history_as_far_as_it_went():
    class Looking(Patient):
        """Has a block end in the middle of an epoch."""

        @bp.hookimpl
        def bpframe_fit_start(self, state: Any) -> None:
            """Two steps of the second epoch."""
            state.look(STEPS + 2)

        @bp.hookimpl
        def bpframe_fit_end(self, state: Any) -> None:
            """Note where that is."""
            self.ended = state.epoch, state.step, state.done, state.latest.shape

    waiting = Looking(4, stop=0)
    trained = patiently(waiting)
    assert trained.history.step == [STEPS, STEPS + 2]
    assert trained.session.step == STEPS + 2
    assert [seen[0] for seen in waiting.seen] == [(0, STEPS, STEPS), (1, STEPS + 2, 2)]
    assert waiting.ended == (2, STEPS + 2, 2, (3, STEPS + 2))


def test_where_epochs_are_measured_nobody_waits():
    waiting = Patient(3)
    fit(waiting)
    assert [seen[-1] // STEPS for seen in waiting.seen] == [1, 2]


@pytest.mark.parametrize("ahead", [0, -1, "2", None, float("nan")])
def test_a_number_of_epochs_ahead_that_is_none_is_an_error(ahead):
    with pytest.raises(
        PluginError, match="callback 1, Patient, needs to return a number of at least 1 in bpframe_epochs_ahead, got"
    ):
        patiently(Patient(ahead))
