"""The order of a training step, and going back to the last good one, on sessions that only take notes."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest

from bpframe.engine.rollback import Rollback
from bpframe.engine.step import training_step
from bpframe.network.gradients import LossAndGradients, weight_shares
from bpframe.protocols import Batches

ROWS = np.arange(12)
BATCHES = Batches(0, lambda epoch: ROWS, 2)  # six steps


class Notes:
    """Operations and updates of a step that note their names; `bad`: gradient number that does not exist."""

    observing = probing = (1,)
    measures = None

    def __init__(self, bad: int | None = None, due: bool = True) -> None:
        self.calls: list[str] = []
        self.bad, self.due, self.gradients = bad, due, 0

    def value_and_gradients(self) -> LossAndGradients:
        self.gradients += 1
        self.calls.append("gradients")
        return LossAndGradients(1.0, 0.0, [0.0], [], None if self.gradients == self.bad else {"g": self.gradients})

    def batch_info(self, result: Any) -> dict[str, Any]:
        return {"loss": result.loss}

    def when(self, due: bool, change: Any, values: Any) -> Any:
        return change(values) if due else values

    def observes(self, step: int) -> bool:
        return self.due

    def observed_states(self) -> list[Any]:
        return []

    def __getattr__(self, name: str) -> Any:
        def note(*arguments: Any) -> Any:
            self.calls.append(name)
            return arguments[0] if name == "observe" else 0.5

        return note


def test_a_step_observes_probes_comes_back_updates_and_moves_buffers_in_that_order():
    notes = Notes()
    result = training_step(notes, notes, 0)
    before = ["gradients", "sampled_gradients", "begin_update", "observe", "take_states", "begin_update"]
    assert notes.calls == [*before, "probe", "gradients", "leave_probe", "compare_gradients", "update", "refresh"]
    assert result.weight_penalty == 0.5


def test_where_no_rule_observes_at_a_step_no_targets_are_drawn():
    notes = Notes(due=False)
    training_step(notes, notes, 0)
    assert "sampled_gradients" not in notes.calls
    assert "observe" not in notes.calls


def test_a_loss_that_is_not_finite_updates_nothing():
    first, second = Notes(bad=1), Notes(bad=2)
    assert training_step(first, first, 0).gradients is None
    assert first.calls == ["gradients"]
    result = training_step(second, second, 0)
    assert (result.gradients, np.isnan(result.loss), second.calls[-1]) == (None, True, "drop_probe")


class Counter:
    """A session whose state is the sum of the numbers of its steps; not finite from `limit` on."""

    def __init__(self, limit: float = np.inf, interrupts: tuple[int, ...] = ()) -> None:
        self.step, self.total, self.limit = 0, 0, limit
        self.copies, self.repeats, self.interrupts = 0, 0, interrupts
        self.rollback = Rollback()

    def run(self, count: int) -> None:
        """That many steps."""
        self.rollback.point(self)
        for _ in range(count):
            self.total += self.step + 1
            self.rollback.log(self, BATCHES, self.step, self.step + 1)

    def computing(self) -> Any:
        return nullcontext()

    def copy_state(self) -> int:
        self.copies += 1
        return self.total

    def restore_state(self, state: int) -> None:
        self.total = state

    def repeat(self, batches: Batches, start: int, stop: int) -> int:
        self.repeats += 1
        self.rollback.writing = True
        if self.repeats in self.interrupts:
            raise KeyboardInterrupt
        self.total += start + 1
        return start + 1

    def all_finite(self) -> bool:
        return self.total < self.limit


def test_a_point_is_made_before_the_first_step_that_leaves_it_and_not_again():
    session = Counter()
    assert session.copies == 0
    session.run(2)
    session.run(2)
    assert session.copies == 1
    session.rollback.mark()
    assert (session.copies, session.rollback.moved) == (1, False)
    session.run(1)
    assert session.copies == 2


@pytest.mark.parametrize("interrupts", [(), (1,), (3,), (2, 4)])
def test_a_step_that_was_cut_off_is_undone_whatever_interrupts_the_replay(interrupts):
    session = Counter(interrupts=interrupts)
    session.run(4)
    session.total, session.rollback.writing = 99, True  # half a step
    session.rollback.roll_back(session)
    assert (session.step, session.total, session.rollback.writing) == (4, 10, False)


def test_signals_that_keep_coming_between_steps_end_a_replay_after_a_whole_step():
    session = Counter()
    session.run(4)
    session.total, session.rollback.writing = 99, True  # half a step
    repeat, calls = session.repeat, []

    def interrupted(*arguments: Any) -> int:
        calls.append(arguments)
        if 1 < len(calls) < 9:
            raise KeyboardInterrupt  # before the step changes anything
        return repeat(*arguments)

    session.repeat = interrupted  # type: ignore[method-assign]  # the same session, with signals
    session.rollback.roll_back(session)
    assert (session.step, session.total, session.rollback.writing, len(calls)) == (1, 1, False, 2)


def test_a_commit_goes_back_to_the_last_step_that_left_all_finite():
    session = Counter(limit=7)
    session.run(5)
    assert not session.rollback.commit(session)
    assert (session.step, session.total) == (3, 6)
    assert session.rollback.commit(session)


def test_shares_of_a_batch_add_up_to_one_and_are_zero_where_all_weights_are():
    assert weight_shares(4) == (4.0, 0.25)
    total, share = weight_shares(2, np.array([1, 3], np.float32))
    assert (total, share.tolist(), share.dtype) == (4.0, [0.25, 0.75], np.float32)
    assert weight_shares(2, np.zeros(2, np.float32))[1].tolist() == [0.0, 0.0]
