"""A mistaken callback is refused before the first step, and a failing one is named."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

import bpframe as bp
from bpframe.errors import ConfigError, NumericalError
from bpframe.training.hooks import SPECS
from bpframe.training.run_state import RunState
from tests.training.listeners import Boom, SpyEngine, fit, listener

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
