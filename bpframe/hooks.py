"""The life of a run as pluggy hooks: callbacks are objects with `@hookimpl` methods named after these specs.

One plugin manager a run; callbacks are called in the order they were declared. Every hook gets `state` alone
(see `bpframe.loop.RunState`), so signatures never change.
"""

from __future__ import annotations

import difflib
import functools
import inspect
import sys
import time
from collections.abc import Callable, Generator, Sequence
from typing import Any, final

import pluggy

from bpframe.errors import BpframeError, ConfigError, PluginError

hookspec = pluggy.HookspecMarker("bpframe")
hookimpl = pluggy.HookimplMarker("bpframe")


@hookspec
def bpframe_fit_start(state: Any) -> None:
    """Before the first step of a fit."""


@hookspec
def bpframe_epoch_start(state: Any) -> None:
    """Before the first step of an epoch."""


@hookspec
def bpframe_batch_start(state: Any) -> None:
    """Before a step; makes the engine give back control after every step."""


@hookspec(firstresult=True)
def bpframe_update(state: Any) -> object:
    """Around a step, for implementations with `wrapper=True`: the core's own makes the step."""


@hookspec
def bpframe_batch_end(state: Any) -> None:
    """After a step; makes the engine give back control after every step."""


@hookspec
def bpframe_block_end(state: Any) -> None:
    """After a block of steps, when the engine gives back control anyway, a few times a second: for progress bars."""


@hookspec
def bpframe_epoch_end(state: Any) -> None:
    """After an epoch: history and metrics are up to date."""


@hookspec
def bpframe_exception(state: Any) -> None:
    """The fit ends by the exception `state.exception`; the parameters are those after a whole step."""


@hookspec
def bpframe_fit_end(state: Any) -> None:
    """The fit ends as planned, or because somebody called `state.stop`."""


SPECS = tuple(name for name in dict(globals()) if name.startswith("bpframe_"))


@final
class Hooks:
    """The hooks of one run: what nobody listens to costs nothing."""

    def __init__(self, callbacks: Sequence[object], update: Callable[[], None]) -> None:
        self.seconds = [0.0] * len(callbacks)  # spent in each callback
        self._manager = pluggy.PluginManager("bpframe")
        self._manager.add_hookspecs(sys.modules[__name__])
        self._manager.register(_CoreUpdate(update), "core")
        for i in reversed(range(len(callbacks))):  # pluggy calls the last registered first
            self._manager.register(self._guarded(i, callbacks[i]), f"{i}:{type(callbacks[i]).__name__}")
        self._listening = {name for name in SPECS if self._listeners(name)}

    def listens(self, *names: str) -> bool:
        """Whether any callback implements one of these hooks."""
        return any(name in self._listening for name in names)

    def call(self, name: str, state: Any) -> None:
        """Call a hook's implementations, if there are any."""
        if name in self._listening:
            getattr(self._manager.hook, name)(state=state)

    def _listeners(self, name: str) -> list[Any]:
        return [impl for impl in getattr(self._manager.hook, name).get_hookimpls() if impl.plugin_name != "core"]

    def _guarded(self, i: int, callback: object) -> object:
        """The callback's hooks, each timed, given the callback's own memory, and named when it fails."""
        guard = _Guard()
        for name in dir(callback):
            method = inspect.getattr_static(callback, name, None)
            options = getattr(method, "bpframe_impl", None)
            if options is None and not (name.startswith("bpframe_") and callable(method)):
                continue
            _check(callback, name, options)
            setattr(guard, name, self._wrap(i, callback, getattr(callback, name)))
        return guard

    def _wrap(self, i: int, callback: object, method: Callable[[Any], Any]) -> Callable[[Any], Any]:
        if inspect.isgeneratorfunction(method):

            @functools.wraps(method)
            def wrapper(state: Any) -> Generator[Any, Any, Any]:
                state.memory = state.memories[i]
                return (yield from method(state))

            return wrapper

        @functools.wraps(method)
        def call(state: Any) -> None:
            state.memory = state.memories[i]
            start = time.perf_counter()
            try:
                method(state)
            except BpframeError:
                raise
            except Exception as error:
                who = type(callback).__name__
                raise PluginError(f"callback {i + 1}, {who}, fails in {method.__name__}: {type(error).__name__}: {error}") from error
            finally:
                self.seconds[i] += time.perf_counter() - start

        return call


class _Guard:
    """Holds the guarded hooks of one callback."""


class _CoreUpdate:
    def __init__(self, update: Callable[[], None]) -> None:
        self._update = update

    @hookimpl(trylast=True)
    def bpframe_update(self, state: Any) -> bool:
        """Make the step."""
        self._update()
        return True


def _check(callback: object, name: str, options: Any) -> None:
    """ConfigError for what pluggy would pass over in silence: a misspelt hook, a missing mark, a default argument."""
    who = f"callback {type(callback).__name__}"
    if name not in SPECS:
        close = difflib.get_close_matches(name, SPECS, n=1)
        hint = f" Did you mean '{close[0]}'?" if close else ""
        raise ConfigError(f"{who} has a hook '{name}', which does not exist.{hint} Hooks: {', '.join(SPECS)}.")
    if options is None:
        raise ConfigError(f"{who} has a method '{name}' that is not marked. Decorate it: @bpframe.hookimpl.")
    given = [p for p in inspect.signature(getattr(callback, name)).parameters.values()]
    if len(given) != 1 or given[0].name != "state" or given[0].default is not inspect.Parameter.empty:
        raise ConfigError(f"{who} needs '{name}(self, state)', got the arguments {', '.join(map(str, given)) or 'none'}.")
