"""A mistaken callback is refused before the first step, and a failing one is named."""

from __future__ import annotations

import inspect
import re
from typing import Any

import numpy as np
import pytest

import bpframe as bp
from bpframe.errors import ConfigError, NumericalError
from bpframe.training.hooks import SPECS
from bpframe.training.run_state import RunState
from tests.training.listeners import Boom, SpyEngine, X, Y, fit, listener, trainer

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


class Keras:
    """Has the hooks of another library."""

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Never called."""


class Lightning:
    """Has the hooks of another library."""

    def on_train_start(self, trainer: Any, module: Any) -> None:
        """Never called."""


class Called:
    """Is called, elsewhere."""

    def __call__(self, state: Any) -> None:
        """Never called."""


@pytest.mark.parametrize(
    ("callback", "hook"),
    [
        (Keras(), "For 'on_epoch_end' write: @bpframe.hookimpl, def bpframe_epoch_end(self, state)."),
        (Lightning(), "For 'on_train_start' write: @bpframe.hookimpl, def bpframe_fit_start(self, state)."),
        (Called(), "For '__call__' write: @bpframe.hookimpl, def bpframe_epoch_end(self, state)."),
        (object(), "with none. Hooks: bpframe_fit_start"),
    ],
)
def test_a_callback_that_would_never_be_called_is_refused_by_the_name_of_the_right_hook(callback, hook):
    with pytest.raises(ConfigError, match=re.escape(hook)):
        trainer(callback)
    made = trainer()
    with pytest.raises(ConfigError, match=re.escape(hook)):
        made.callbacks = [callback]
    with pytest.raises(ConfigError, match=re.escape(hook)):
        pytest.importorskip("bpframe.sklearn").MLPRegressor(callbacks=[callback]).fit(X, Y)


# -------------------------------------------------------------------------------- what a hook, or a program, cannot set


PARTS = {
    "groups": [{"match": "*/bias", "frozen": True}],
    "optimizer": "adam",
    "regularizers": ["l2"],
    "seed": 3,
    "dtype": "float32",
    "loss": "mae",
    "callbacks": [],
}


@pytest.mark.parametrize("part", PARTS)
def test_a_hook_that_sets_a_part_of_the_trainer_is_told_what_to_do(part):
    setting = listener(lambda name, state: setattr(state.trainer, part, PARTS[part]), "bpframe_epoch_end")
    with pytest.raises(ConfigError, match=f"A fit that runs keeps its {part}. Set trainer.{part} between two fits"):
        fit(setting)


@pytest.mark.parametrize("name", ["lr", "learning_rate", "batch_size", "epochs"])
def test_what_is_no_part_of_a_trainer_cannot_be_set_as_one(name):
    with pytest.raises(ConfigError, match=f"A trainer has no {name} to set"):
        fit(listener(lambda _, state: setattr(state.trainer, name, 1), "bpframe_epoch_end"))


@pytest.mark.parametrize("name", ["lr", "learning_rate", "batch_size", "optimizer"])
def test_a_setting_that_no_fit_would_look_at_cannot_be_set_on_the_state(name):
    with pytest.raises(ConfigError, match=f"A fit that runs has no {name} to set. A rate, and other settings"):
        fit(listener(lambda _, state: setattr(state, name, 0.1), "bpframe_epoch_end"))
    seen = []
    fit(listener(lambda _, state: seen.append(hasattr(state, name)), "bpframe_fit_end"))
    assert seen == [False]


def test_between_two_fits_parts_are_built_from_names_and_obeyed():
    made = fit(epochs=1, regularizers=[{"name": "l2", "strength": 0.5}])
    made.regularizers = [{"name": "l2", "strength": 0.0}]
    made.optimizer = {"name": "sgd", "lr": {"name": "cosine", "initial": 0.0}}
    made.metrics = ["mae"]
    before = made.parameters.copy()
    made.fit(X, Y, epochs=1)
    assert all(np.array_equal(before[name], value) for name, value in made.parameters.items())
    assert "mae" in made.history.train


@pytest.mark.parametrize("part", ["loss", "dtype", "seed", "groups", "regularizers"])
def test_what_a_trainer_with_parameters_cannot_change_is_an_error(part):
    made = fit(epochs=1)
    before = made.spec
    with pytest.raises(ConfigError, match=r"new\.parameters\.replace"):
        setattr(made, part, PARTS[part])
    assert made.spec == before


def test_a_rule_with_another_memory_is_refused_and_one_with_other_settings_taken():
    made = fit(optimizer="adam", epochs=1)
    with pytest.raises(ConfigError, match="keeps the kinds of its optimizer"):
        made.optimizer = "sgd"
    made.optimizer = {"name": "adam", "lr": 0.5}
    assert made.optimizer.lr == 0.5


def test_a_callback_that_stays_keeps_what_it_remembers():
    class Counts:
        """Counts epochs in its memory."""

        @bp.hookimpl
        def bpframe_epoch_end(self, state: Any) -> None:
            """One more."""
            state.memory["epochs"] = state.memory.get("epochs", 0) + 1

    stays, made = Counts(), trainer(Counts())
    made.callbacks = [Counts(), stays]
    made.fit(X, Y, epochs=2)
    made.callbacks = [stays, Counts()]
    assert made.memories == [{"epochs": 2}, {}]


def test_every_hook_takes_state_and_says_when_it_is_called():
    import bpframe.training.hooks as module

    for name in SPECS:
        spec = getattr(module, name)
        assert list(inspect.signature(spec).parameters) == ["state"]
        assert spec.__doc__


# -------------------------------------------------------------------------------------------------- errors and the end


def test_a_failing_callback_is_named_and_every_callback_hears_of_it():
    heard, hooks = [], ("bpframe_exception", "bpframe_epoch_end", "bpframe_fit_end")

    def note(name: str, state: RunState) -> None:
        heard.append((name, state.step, state.exception))

    cause = ValueError("no such file")
    with pytest.raises(ValueError, match="no such file") as caught:
        fit(listener(note, *hooks), Boom(cause), listener(note, *hooks))
    assert caught.value is cause
    assert cause.__notes__ == ["Raised by callback 2, Boom, in bpframe_batch_end."]
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
