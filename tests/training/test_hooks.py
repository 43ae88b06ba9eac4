"""Hooks are called in declared order, at their points, with the state of the run."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import bpframe as bp
from bpframe.errors import PluginError
from bpframe.training.hooks import SPECS, Hooks
from bpframe.training.run_state import RunState
from tests.training.listeners import STEPS, Boom, SpyEngine, X, Y, fit, listener, trainer

EPOCH_HOOKS = ("bpframe_fit_start", "bpframe_epoch_start", "bpframe_epoch_end", "bpframe_fit_end")


# ---------------------------------------------------------------------------------------------------- order and points


def test_the_order_of_declaration_is_the_order_of_calls():
    calls = []
    fit(*(listener(lambda name, state, who=who: calls.append((name, who)), *SPECS) for who in "abc"), epochs=1)
    at_each_hook = [calls[i : i + 3] for i in range(0, len(calls), 3)]
    assert all([who for _, who in triple] == ["a", "b", "c"] for triple in at_each_hook)
    assert all(len({name for name, _ in triple}) == 1 for triple in at_each_hook)


def test_every_hook_is_called_at_its_point():
    calls = []
    fit(listener(lambda name, state: calls.append((name, state.epoch, state.step)), *SPECS))
    wanted = [("bpframe_fit_start", 0, 0)]
    for epoch in range(2):
        wanted.append(("bpframe_epoch_start", epoch, epoch * STEPS))
        for step in range(epoch * STEPS, (epoch + 1) * STEPS):
            wanted += [("bpframe_batch_start", epoch, step), ("bpframe_update", epoch, step)]
            wanted += [("bpframe_batch_end", epoch, step + 1), ("bpframe_block_end", epoch, step + 1)]
        wanted.append(("bpframe_epoch_end", epoch, (epoch + 1) * STEPS))
    assert calls == [*wanted, ("bpframe_fit_end", 2, 2 * STEPS)]


def test_a_second_fit_goes_on_counting():
    calls = []
    trained = trainer(listener(lambda name, state: calls.append((state.epoch, state.epochs)), "bpframe_epoch_start"))
    for _ in range(2):
        trained.fit(X, Y, epochs=2)
    assert calls == [(0, 2), (1, 2), (2, 4), (3, 4)]


def test_the_state_holds_the_trainer_and_what_the_history_will_say():
    seen = []

    def note(name: str, state: RunState) -> None:
        seen.append((state.trainer, state.history, state.steps, state.done, dict(state.metrics)))

    trained = fit(listener(note, "bpframe_epoch_end"))
    for i, (whose, history, steps, done, metrics) in enumerate(seen):
        assert (whose, history, steps, done) == (trained, trained.history, STEPS, STEPS)
        record = trained.history.record(i)
        assert metrics == {f"{part}.{k}": v for part in ("train", "validation") for k, v in record[part].items()}
    assert {"train.loss", "train.objective", "train.r2", "validation.loss", "validation.mae"} <= set(seen[0][4])


def test_the_losses_of_the_steps_average_to_the_epochs():
    losses = []
    trained = fit(listener(lambda name, state: losses.append(state.loss), "bpframe_batch_end"), epochs=1)
    assert np.average(losses, weights=[4, 4, 2]) == pytest.approx(trained.history.train["loss"][0], rel=1e-12)


def test_parameters_change_between_the_start_and_the_end_of_a_batch_and_at_no_other_time():
    weights = []
    ends = ("bpframe_batch_start", "bpframe_batch_end")
    fit(listener(lambda name, state: weights.append(state.parameters["dense_1/weight"]), *ends))
    for k in range(0, len(weights), 2):
        assert (weights[k] != weights[k + 1]).all()
    for k in range(1, len(weights) - 1, 2):
        assert (weights[k] == weights[k + 1]).all()


def test_a_hook_may_set_parameters():
    def reset(name: str, state: RunState) -> None:
        state.parameters["dense_2/bias"] = np.array([7.0])

    assert fit(listener(reset, "bpframe_fit_end")).parameters["dense_2/bias"] == 7.0


def test_curves_names_what_will_be_recorded_and_which_direction_is_better():
    curves = {}
    trained = trainer(listener(lambda name, state: curves.update(state.curves), "bpframe_fit_start"))
    trained.fit(X, Y, epochs=1)
    assert curves == {"train.loss": "min", "train.objective": "min", "train.r2": "max", "train.mae": "min"}
    trained.fit(X, Y, epochs=1, validation=(X, Y))
    assert curves.keys() - {"train.objective"} == {
        f"{part}.{name}" for part in ("train", "validation") for name in ("loss", "r2", "mae")
    }


# ------------------------------------------------------------------------------------------------- who pays for what


@pytest.mark.parametrize("names", [EPOCH_HOOKS, ("bpframe_block_end",), ("bpframe_exception",)])
def test_without_batch_hooks_the_engine_is_asked_for_whole_epochs(names):
    engine = SpyEngine()
    fit(listener(lambda name, state: None, *names), engine=engine)
    assert {stop for _, stop in engine.asked} == {STEPS}


@pytest.mark.parametrize("name", ["bpframe_batch_start", "bpframe_update", "bpframe_batch_end"])
def test_batch_hooks_force_single_steps(name):
    engine = SpyEngine()
    fit(listener(lambda name, state: None, name), engine=engine)
    assert engine.asked == [(step, step + 1) for step in range(STEPS)] * 2


def test_hooks_that_nobody_implements_are_not_called():
    hooks = Hooks([listener(lambda name, state: None, "bpframe_epoch_end"), object()], lambda: None)
    called = []
    hooks._manager.add_hookcall_monitoring(lambda name, *_: called.append(name), lambda *_: None)
    for name in SPECS:
        hooks.call(name, run_state(2))
    assert called == ["bpframe_epoch_end"]
    assert [name for name in SPECS if hooks.listens(name)] == called


def test_batch_hooks_change_no_result():
    with_hooks, without = fit(listener(lambda name, state: None, *SPECS)), fit()
    assert all((value == without.parameters[name]).all() for name, value in with_hooks.parameters.items())
    assert with_hooks.history.train["loss"] == pytest.approx(without.history.train["loss"], rel=1e-15)


# ------------------------------------------------------------------------------------------------------------ wrappers


class Around:
    """Sees every step from both sides."""

    def __init__(self, note: Callable[[Any], Any]) -> None:
        self.note = note

    @bp.hookimpl(wrapper=True)
    def bpframe_update(self, state: Any) -> Any:
        """Note the step before and after."""
        self.note(("before", state.step))
        result = yield
        self.note(("after", state.step))
        return result


def test_a_wrapper_sees_every_step_before_and_after_it_is_made():
    seen = []
    fit(Around(seen.append), epochs=1)
    assert seen == [(when, step) for k in range(STEPS) for when, step in (("before", k), ("after", k + 1))]


def test_wrappers_nest_in_declared_order():
    seen = []
    fit(*(Around(lambda at, who=who: seen.append((at[0], who))) for who in "ab"), epochs=1)
    assert seen[:4] == [("before", "a"), ("before", "b"), ("after", "b"), ("after", "a")]


class Counting:
    """A wrapper that counts in its memory, on both sides."""

    @bp.hookimpl(wrapper=True)
    def bpframe_update(self, state: Any) -> Any:
        """Count up."""
        state.memory["before"] = state.memory.get("before", 0) + 1
        result = yield
        state.memory["after"] = state.memory.get("after", 0) + 1
        return result


def test_a_wrapper_has_its_own_memory_on_both_sides():
    assert fit(Counting(), Counting()).memories == [{"before": 2 * STEPS, "after": 2 * STEPS}] * 2


def test_an_error_of_the_step_passes_through_wrappers_unchanged():
    def failing() -> None:
        raise KeyError("the step's own")

    hooks = Hooks([Counting(), Counting()], failing)
    with pytest.raises(KeyError, match="the step's own"):
        hooks.call("bpframe_update", run_state(2))


@pytest.mark.parametrize(("when", "who"), [("before", 1), ("after", 1)])
def test_an_error_on_either_side_of_a_wrapper_is_attributed_to_it(when, who):
    def note(at: tuple[str, int]) -> None:
        if at[0] == when:
            raise ValueError("no")

    with pytest.raises(ValueError, match="no") as caught:
        fit(Counting(), Around(note))
    assert caught.value.__notes__ == ["Raised by callback 2, Around, in bpframe_update."]


def test_a_wrapper_that_yields_twice_is_an_error():
    class Twice:
        """Yields once too often."""

        @bp.hookimpl(wrapper=True)
        def bpframe_update(self, state: Any) -> Any:
            """Yield, and yield again."""
            yield
            yield

    class Never:
        """Is a generator that ends at once."""

        @bp.hookimpl(wrapper=True)
        def bpframe_update(self, state: Any) -> Any:
            """Yield nothing."""
            yield from ()

    with pytest.raises(PluginError, match=r"callback 1, Twice, needs to yield once in bpframe_update, .* yields again"):
        fit(Twice())
    with pytest.raises(PluginError, match=r"callback 1, Never, needs to yield once in bpframe_update, .* does not"):
        fit(Never())


# -------------------------------------------------------------------------------------------------- errors and the end


def test_after_a_failed_fit_another_goes_on():
    trained = trainer(Boom(KeyError()))
    with pytest.raises(KeyError):
        trained.fit(X, Y, epochs=1, batch_size=4)
    trained.callbacks = []
    assert trained.fit(X, Y, epochs=1, batch_size=4).step[-1] == 2 + STEPS


def stopping(at: str, step: int) -> object:
    """A callback that stops the fit at a hook, once that many steps are made."""
    return listener(lambda name, state: state.stop("enough") if state.step >= step else None, at)


@pytest.mark.parametrize(
    ("at", "step", "steps", "epochs"),
    [
        ("bpframe_fit_start", 0, 0, 0),
        ("bpframe_epoch_start", STEPS, STEPS, 1),
        ("bpframe_batch_start", 1, 1, 1),
        ("bpframe_batch_end", 1, 1, 1),
        ("bpframe_batch_end", STEPS + 2, STEPS + 2, 2),
        ("bpframe_epoch_end", 0, STEPS, 1),
        ("bpframe_epoch_end", STEPS + 1, 2 * STEPS, 2),
        ("bpframe_fit_end", 0, 5 * STEPS, 5),
    ],
)
def test_stop_ends_the_fit_after_the_present_hook(at, step, steps, epochs):
    ended = []
    ends = ("bpframe_fit_end", "bpframe_exception")
    note = listener(lambda name, state: ended.append((name, state.step, state.stopped)), *ends)
    trained = fit(stopping(at, step), note, epochs=5, metrics=[])
    assert ended == [("bpframe_fit_end", steps, "enough")]
    assert len(trained.history) == epochs
    assert trained.history.step[-1:] == [steps][:epochs]


def test_a_stopped_fit_goes_on_with_the_next():
    trained = fit(stopping("bpframe_epoch_end", 0), epochs=5)
    assert len(trained.history) == 1
    trained.fit(X, Y, epochs=5, batch_size=4)
    assert len(trained.history) == 2


def test_an_epoch_stopped_half_way_counts_the_rows_it_has_seen():
    losses = []
    note = listener(lambda name, state: losses.append(state.loss), "bpframe_batch_end")
    trained = trainer(note, stopping("bpframe_batch_end", 2), optimizer={"name": "sgd", "lr": 0.0}, metrics=["mae"])
    trained.fit(X, Y, epochs=5, batch_size=4, shuffle=False)
    assert trained.history.train["loss"] == [pytest.approx(np.mean(losses), rel=1e-12)]
    mae = np.abs(trained.predict(X[:8])[:, 0] - Y[:8]).mean()
    assert trained.history.train["mae"] == [pytest.approx(mae, rel=1e-12)]


# -------------------------------------------------------------------------------------------------- memory and seconds


class Diary:
    """Counts epochs in its memory."""

    @bp.hookimpl
    def bpframe_epoch_end(self, state: Any) -> None:
        """Count up."""
        state.memory["epochs"] = state.memory.get("epochs", 0) + 1


def test_memory_belongs_to_one_callback_and_is_kept_with_the_trainer():
    trained = fit(Diary(), listener(lambda name, state: state.memory.update(seen=True), "bpframe_fit_start"), Diary())
    assert trained.memories == [{"epochs": 2}, {"seen": True}, {"epochs": 2}]
    trained.fit(X, Y, epochs=3)
    assert trained.memories[0] == trained.memories[2] == {"epochs": 5}


def test_one_object_may_stand_twice_among_the_callbacks():
    diary = Diary()
    assert fit(diary, diary).memories == [{"epochs": 2}, {"epochs": 2}]


def run_state(callbacks: int) -> RunState:
    """A state outside any run."""
    history = bp.History()
    return RunState(None, history, {"train.loss": "min", "train.odd": None}, 10, [{} for _ in range(callbacks)])


def test_the_time_spent_in_each_callback_is_recorded():
    slow = listener(lambda name, state: time.sleep(0.02), "bpframe_epoch_end", "bpframe_fit_end")
    hooks = Hooks([slow, Diary()], lambda: None)
    for name in ("bpframe_epoch_end", "bpframe_fit_end"):
        hooks.call(name, run_state(2))
    assert hooks.seconds[0] >= 0.04
    assert 0 < hooks.seconds[1] < 0.02


def test_of_a_wrapper_only_its_own_time_is_recorded():
    hooks = Hooks([Around(lambda at: time.sleep(0.02))], lambda: time.sleep(0.2))
    hooks.call("bpframe_update", run_state(1))
    assert 0.04 <= hooks.seconds[0] < 0.2


def test_the_time_of_a_failing_callback_is_recorded_too():
    def fail(name: str, state: Any) -> None:
        time.sleep(0.02)
        raise KeyError

    hooks = Hooks([listener(fail, "bpframe_fit_end")], lambda: None)
    with pytest.raises(KeyError):
        hooks.call("bpframe_fit_end", run_state(1))
    assert hooks.seconds[0] >= 0.02
