"""Hooks: called in declared order, at their points, with the run's state; nobody listening costs nothing."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import bpframe as bp
from bpframe.errors import ConfigError, NumericalError, PluginError
from bpframe.training.hooks import SPECS, Hooks
from bpframe.training.run_state import RunState

X = np.random.default_rng(1).normal(size=(10, 3))
Y = X @ [1.0, -2.0, 0.5]
STEPS = 3  # of 4, 4 and 2 rows
EPOCH_HOOKS = ("bpframe_fit_start", "bpframe_epoch_start", "bpframe_epoch_end", "bpframe_fit_end")


def listener(note: Callable[[str, Any], Any], *names: str) -> object:
    """A callback whose hooks of these names call note(name, state)."""

    def implement(name: str) -> Callable[..., None]:
        def hook(self: object, state: Any) -> None:
            note(name, state)

        hook.__name__ = name
        return bp.hookimpl(hook)

    return type("Listener", (), {name: implement(name) for name in names})()


def trainer(*callbacks: Any, **settings: Any) -> bp.Trainer:
    """A small regression."""
    network = bp.Network([bp.layers.dense(4, activation="tanh"), bp.layers.dense(1)])
    return bp.Trainer(network, **{"loss": "mse", "dtype": "float64", "callbacks": callbacks, **settings})


def fit(*callbacks: Any, epochs: int = 2, **settings: Any) -> bp.Trainer:
    """The trainer after `epochs` of three steps each."""
    trained = trainer(*callbacks, **settings)
    trained.fit(X, Y, epochs=epochs, batch_size=4, validation=(X, Y))
    return trained


class SpyEngine:
    """The NumPy engine, noting which steps it is asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, int]] = []

    def session(self, *arguments: Any) -> Any:
        """A session whose `run` is noted."""
        session = bp.build("engine", "numpy").session(*arguments)
        run = session.run

        def noted(batches: Any, start: int, stop: int) -> Any:
            self.asked.append((start, stop))
            return run(batches, start, stop)

        session.run = noted
        return session


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


@pytest.mark.parametrize("names", [(), EPOCH_HOOKS, ("bpframe_block_end",), ("bpframe_exception",)])
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

    with pytest.raises(PluginError, match="callback 2, Around, fails in bpframe_update: ValueError: no") as caught:
        fit(Counting(), Around(note))
    assert isinstance(caught.value.__cause__, ValueError)


def test_a_wrapper_that_yields_twice_is_an_error():
    class Twice:
        """Yields once too often."""

        @bp.hookimpl(wrapper=True)
        def bpframe_update(self, state: Any) -> Any:
            """Yield, and yield again."""
            yield
            yield

    with pytest.raises(PluginError, match="Twice, fails in bpframe_update: RuntimeError: a wrapper must yield once"):
        fit(Twice())


# ------------------------------------------------------------------------------------------------- mistaken callbacks


class Misspelt:
    """Means bpframe_epoch_end."""

    @bp.hookimpl
    def bpframe_epoch_ends(self, state: Any) -> None:
        """Never called."""


class Misspelt2:
    """Means bpframe_epoch_end, and forgot the mark too."""

    def bpframe_epochend(self, state: Any) -> None:
        """Never called."""


class Foreign:
    """Marks a method that is no hook."""

    @bp.hookimpl
    def on_epoch_end(self, state: Any) -> None:
        """Never called."""


class Unmarked:
    """Forgot the decorator."""

    def bpframe_epoch_end(self, state: Any) -> None:
        """Never called."""


class Extra:
    """Wants more than there is."""

    @bp.hookimpl
    def bpframe_epoch_end(self, state: Any, metrics: Any) -> None:
        """Never called."""


class Default:
    """Has a default, which would hide that the argument never comes."""

    @bp.hookimpl
    def bpframe_epoch_end(self, state: Any = None) -> None:
        """Never called."""


class Renamed:
    """Has another name for it."""

    @bp.hookimpl
    def bpframe_epoch_end(self, run: Any) -> None:
        """Never called."""


class Empty:
    """Takes nothing."""

    @bp.hookimpl
    def bpframe_epoch_end(self) -> None:
        """Never called."""


class Yields:
    """Forgot to say that it is a wrapper."""

    @bp.hookimpl
    def bpframe_update(self, state: Any) -> Any:
        """Never called."""
        yield


class NoYield:
    """Says that it is a wrapper, and wraps nothing."""

    @bp.hookimpl(wrapper=True)
    def bpframe_update(self, state: Any) -> None:
        """Never called."""


@pytest.mark.parametrize(
    ("mistaken", "message"),
    [
        (Misspelt, r"Misspelt has a hook 'bpframe_epoch_ends', .*Did you mean 'bpframe_epoch_end'\? Hooks: bpf"),
        (Misspelt2, r"'bpframe_epochend', which does not exist\. Did you mean 'bpframe_epoch_end'\?"),
        (Foreign, r"Foreign has a hook 'on_epoch_end', which does not exist\..* Hooks: bpframe_fit_start"),
        (Unmarked, r"Unmarked has a method 'bpframe_epoch_end' that is not marked\. Decorate it: @bpframe\.hookimpl"),
        (Extra, r"Extra needs 'bpframe_epoch_end\(self, state\)', got the arguments state: .*, metrics"),
        (Default, r"Default needs 'bpframe_epoch_end\(self, state\)', got the arguments state: .*= None"),
        (Renamed, r"Renamed needs 'bpframe_epoch_end\(self, state\)', got the arguments run"),
        (Empty, r"Empty needs 'bpframe_epoch_end\(self, state\)', got the arguments none"),
        (Yields, r"Yields has a hook 'bpframe_update' that yields\. Decorate it: @bpframe\.hookimpl\(wrapper=True\)"),
        (NoYield, r"NoYield has a wrapper 'bpframe_update' that does not yield\. Let it yield once"),
    ],
)
def test_a_mistaken_callback_is_an_error_before_the_first_step(mistaken, message):
    engine = SpyEngine()
    with pytest.raises(ConfigError, match=message):
        fit(mistaken(), engine=engine)
    assert engine.asked == []


def test_every_hook_takes_state_and_says_when_it_is_called():
    import bpframe.training.hooks as module

    for name in SPECS:
        spec = getattr(module, name)
        assert list(inspect.signature(spec).parameters) == ["state"]
        assert spec.__doc__


# -------------------------------------------------------------------------------------------------- errors and the end


class Boom:
    """Fails at one hook."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    @bp.hookimpl
    def bpframe_batch_end(self, state: Any) -> None:
        """Fail at the second step."""
        if state.step == 2:
            raise self.error


def test_a_failing_callback_is_named_and_every_callback_hears_of_it():
    heard, hooks = [], ("bpframe_exception", "bpframe_epoch_end", "bpframe_fit_end")

    def note(name: str, state: RunState) -> None:
        heard.append((name, state.step, state.exception))

    cause = ValueError("no such file")
    message = "callback 2, Boom, fails in bpframe_batch_end: ValueError: no such file"
    with pytest.raises(PluginError, match=message) as caught:
        fit(listener(note, *hooks), Boom(cause), listener(note, *hooks))
    assert caught.value.__cause__ is cause
    assert heard == [("bpframe_exception", 2, caught.value)] * 2


@pytest.mark.parametrize("error", [ConfigError("set mode"), KeyboardInterrupt(), SystemExit(3)])
def test_errors_that_speak_for_themselves_pass_unchanged(error):
    heard = []
    with pytest.raises(type(error)) as caught:
        fit(Boom(error), listener(lambda name, state: heard.append(state.exception), "bpframe_exception"))
    assert caught.value is error
    assert heard == [error]


def test_an_error_of_the_fit_itself_reaches_bpframe_exception():
    heard = []
    note = listener(lambda name, state: heard.append((name, state.exception)), "bpframe_exception", "bpframe_fit_end")
    with pytest.raises(NumericalError) as caught:
        fit(note, optimizer={"name": "sgd", "lr": 1e200})
    assert heard == [("bpframe_exception", caught.value)]


def test_after_a_failed_fit_another_goes_on():
    trained = trainer(Boom(ValueError()))
    with pytest.raises(PluginError):
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
        raise ValueError

    hooks = Hooks([listener(fail, "bpframe_fit_end")], lambda: None)
    with pytest.raises(PluginError):
        hooks.call("bpframe_fit_end", run_state(1))
    assert hooks.seconds[0] >= 0.02


# --------------------------------------------------------------------------------------------------- epochs ahead


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
