"""The hooks of a fit, called by pluggy: callbacks are objects with `@hookimpl` methods named after these specs.

One plugin manager a run; callbacks are called in the order they were declared. Every hook gets `state` alone
(see `bpframe.training.run_state.RunState`), so signatures never change.
"""

from __future__ import annotations

import functools
import inspect
import math
import time
from collections.abc import Callable, Container, Generator, Sequence
from typing import TYPE_CHECKING, Any, cast, final
from weakref import WeakKeyDictionary

from bpframe.errors import BpframeError, ConfigError, PluginError
from bpframe.lazy_names import lazy_names
from bpframe.protocols.traits import rewinds
from bpframe.training.component_errors import CAUGHT, callback_error
from bpframe.training.run_state import RunState

if TYPE_CHECKING:
    from bpframe.training.hook_marker import hookimpl as hookimpl


def bpframe_fit_start(state: RunState) -> None:
    """Before the first step of a fit."""


def bpframe_epoch_start(state: RunState) -> None:
    """Before the first step of an epoch."""


def bpframe_batch_start(state: RunState) -> None:
    """Before a step; makes the engine give back control after every step."""


def bpframe_update(state: RunState) -> object:
    """Around a step, for implementations with `wrapper=True`: the core's own makes the step."""


def bpframe_batch_end(state: RunState) -> None:
    """After a step; makes the engine give back control after every step."""


def bpframe_block_end(state: RunState) -> None:
    """After a block of steps, when the engine gives back control anyway, a few times a second: for progress bars."""


def bpframe_epoch_end(state: RunState) -> None:
    """After an epoch: history and metrics are up to date."""


def bpframe_epochs_ahead(state: RunState) -> float:
    """How many epochs may be made before bpframe_epoch_end is called for the first of them; left out, one.

    Called before a run of epochs starts. The calls come in order, each with the history up to its epoch, but with the
    parameters of the last: for callbacks that read curves alone. Epochs on end are faster, most of all in small models.
    A callback whose class says `rewinds = True` needs no such hook: each epoch is shown with its own parameters, and a
    stop takes back later ones, or, where the session cannot do that, it hears of each at once.
    """
    return 1


def bpframe_exception(state: RunState) -> None:
    """The fit ends by the exception `state.exception`; the parameters are those after a whole step."""


def bpframe_fit_end(state: RunState) -> None:
    """The fit ends as planned, or because a hook called `state.stop`."""


class _Listed:
    """Holds hooks as attributes, and shows pluggy nothing else: it looks at everything that `dir` lists."""

    def __init__(self, **hooks: Any) -> None:
        vars(self).update(hooks)

    def __dir__(self) -> list[str]:
        return list(vars(self))


_SPECS: Any = _Listed(**{name: hook for name, hook in dict(globals()).items() if name.startswith("bpframe_")})
SPECS = tuple(vars(_SPECS))
HEARD_BY_ALL = ("bpframe_batch_end", "bpframe_block_end", "bpframe_epoch_end", "bpframe_exception")
__getattr__ = lazy_names(__name__, globals(), {"hookimpl": "hook_marker"}, "bpframe.training")  # which needs pluggy
_SOUND: WeakKeyDictionary[type, set[str]] = WeakKeyDictionary()  # the hooks of classes that were checked once


@final
class Hooks:
    """The hooks of one run; a hook that no callback implements costs nothing."""

    def __init__(self, callbacks: Sequence[object], update: Callable[[], None], names: Sequence[str] = ()) -> None:
        """`names`: what errors call each callback; left out, its class."""
        self._names = names or [type(callback).__name__ for callback in callbacks]
        self._callbacks = callbacks
        self.seconds = [0.0] * len(callbacks)  # spent in each callback
        self._listening: set[str] = set()
        self._prompt = self.rewinding = False
        self._failures: list[BaseException] = []  # of hooks that others still have to hear of
        self._manager: Any = None  # where several callbacks have hooks, or one has wrappers
        self._alone: dict[str, Any] = {}  # the hooks of one that is alone, which needs no manager to be called
        self.observer: Callable[[str, RunState], None] | None = None  # is told of every hook, after the callbacks
        if not callbacks:  # a manager takes milliseconds, as long as the whole fit of a small model
            return
        guarded = [self._guarded(i, callback) for i, callback in enumerate(callbacks)]
        self._listening = {name for hooks in guarded for name in vars(hooks)}
        pairs = [(vars(hooks), rewinds(callback)) for hooks, callback in zip(guarded, callbacks, strict=True)]
        self._prompt = any(_is_prompt(hooks) for hooks, later in pairs if not later)  # who has to hear of each at once
        self.rewinding = any(_is_prompt(hooks) for hooks, later in pairs if later)  # or of later ones taken back
        if not self._listening:
            return
        wrapped = any(map(inspect.isgeneratorfunction, vars(guarded[0]).values()))
        if len(callbacks) == 1 and not wrapped and "bpframe_update" not in self._listening:
            self._alone = vars(guarded[0])
            return
        import pluggy  # which a fit without callbacks, or with one, can do without

        self._manager, marker = pluggy.PluginManager("bpframe"), pluggy.HookspecMarker("bpframe")
        specs: Any = _Listed(
            **{name: marker(vars(_SPECS)[name], firstresult=name == "bpframe_update") for name in self._listening}
        )
        self._manager.add_hookspecs(specs)
        if "bpframe_update" in self._listening:
            self._manager.register(_core(update), "core")
        for i in reversed(range(len(callbacks))):  # pluggy calls the last registered first
            self._manager.register(guarded[i], f"{i}:{type(callbacks[i]).__name__}")

    def close(self) -> None:
        """Let go of the callbacks, which circles would keep until the garbage collector comes."""
        self._alone.clear()
        for plugin in self._manager.get_plugins() if self._manager else ():
            self._manager.unregister(plugin)

    def listens(self, *names: str) -> bool:
        """Whether any callback implements one of these hooks."""
        return any(name in self._listening for name in names)

    def call(self, name: str, state: RunState) -> None:
        """Call a hook's implementations, if there are any, and tell the observer of it.

        What tells of something that has happened is told to all, though one fails, whose exception is raised then:
        what each remembers is what a checkpoint of this moment needs. The exception that ends a fit stays the one that
        it was; others that it causes are notes on it.
        """
        if name in self._listening:
            self._all(name, state)
            if self._failures:
                self._raise_failures(state)
        if self.observer is not None:
            self.observer(name, state)

    def _all(self, name: str, state: RunState) -> Any:
        """What every implementation of a hook returns."""
        if self._alone:
            return [self._alone[name](state)]
        return getattr(self._manager.hook, name)(state=state)

    def _raise_failures(self, state: RunState) -> None:
        """Raise the first exception that was kept; others are notes on it, or on the one that ends the fit."""
        failures, self._failures = self._failures, []
        first = failures.pop(0) if state.exception is None else state.exception
        for failure in failures:
            first.add_note(str(failure) or type(failure).__name__)
        if first is not state.exception:
            raise first

    @property
    def waits(self) -> bool:
        """Whether epochs may be made before bpframe_epoch_end is called for the first of them, and taken back."""
        return not (self._prompt or self.listens("bpframe_epoch_start"))

    def ahead(self, state: RunState, rewinds: bool) -> float:
        """How many epochs may be made before bpframe_epoch_end is called for the first of them.

        `rewinds`: whether the fit can go back to one.
        """
        if self._prompt or (self.rewinding and not rewinds):
            return 1
        if not self.listens("bpframe_epochs_ahead"):
            return math.inf
        return cast(float, min(self._all("bpframe_epochs_ahead", state)))

    def _guarded(self, i: int, callback: Any) -> _Listed:
        """The callback's hooks, each timed, given the callback's own memory, and named when it fails."""
        who = f"callback {i + 1}, {self._names[i]}"
        cls: Any = type(callback)
        names, sound = hook_names(callback), _SOUND.setdefault(cls, set())
        own = names - {*_hooks(cls)}
        for name in sorted(names - (sound - own)):
            _check(callback, name)
        sound |= names - own
        hooks = {name: self._wrap(i, getattr(callback, name), name, who) for name in names}
        hooks |= {name: self._deferred(hooks[name]) for name in HEARD_BY_ALL if name in hooks}
        if ahead := hooks.get("bpframe_epochs_ahead"):
            hooks["bpframe_epochs_ahead"] = _counted(ahead, f"{who},")
        return _Listed(**hooks)

    def _deferred(self, hook: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """The hook, whose exception is kept until all others have been called."""
        if inspect.isgeneratorfunction(hook):
            return hook

        def call(state: RunState) -> None:
            try:
                hook(state)
            except BaseException as error:
                self._failures.append(error)

        return _marked(call, hook)

    def _wrap(self, i: int, method: Callable[[Any], Any], name: str, who: str) -> Callable[[Any], Any]:
        blame = functools.partial(callback_error, callback=self._callbacks[i], who=who, hook=name)

        def call(state: RunState) -> Any:
            with _Watch(self.seconds, i, state, blame):
                return method(state)

        def around(
            state: RunState,
        ) -> Generator[None, Any, Any]:  # the two halves of a wrapper, before and after the step
            halves = method(state)
            with _Watch(self.seconds, i, state, blame):
                _first_half(halves, who, name)
            result = failure = None
            try:
                result = yield
            except BaseException as error:
                failure = error
            with _Watch(self.seconds, i, state, blame, failure):
                return _second_half(halves, result, failure, who, name)

        return _marked(around if inspect.isgeneratorfunction(method) else call, method)


@final
class _Watch:
    """Around code of callback i: times it, gives it its own memory, and names it in errors but the passing one."""

    __slots__ = ("_blame", "_i", "_passing", "_seconds", "_start", "_state")

    def __init__(
        self,
        seconds: list[float],
        i: int,
        state: RunState,
        blame: Callable[[BaseException], BaseException],
        passing: BaseException | None = None,
    ) -> None:
        self._seconds, self._i, self._state, self._blame, self._passing = seconds, i, state, blame, passing

    def __enter__(self) -> None:
        self._state.memory = self._state.memories[self._i]
        self._start = time.perf_counter()

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._seconds[self._i] += time.perf_counter() - self._start
        if error is None or isinstance(error, BpframeError) or not isinstance(error, CAUGHT):
            return
        changed = error if error is self._passing else self._blame(error)
        if changed is not error:
            raise changed from error


def _marked(hook: Callable[[Any], Any], method: Any) -> Callable[[Any], Any]:
    """The hook with the marks of the method that it calls, by which pluggy knows it."""
    vars(hook).update(getattr(method, "__dict__", {}))
    return hook


def _first_half(halves: Generator[Any, Any, Any], who: str, name: str) -> None:
    """What a wrapper does before what it wraps."""
    try:
        next(halves)
    except StopIteration:
        raise PluginError(f"{who}, needs to yield once in {name}, around the step, but does not.") from None


def _second_half(
    halves: Generator[Any, Any, Any], result: object, failure: BaseException | None, who: str, name: str
) -> Any:
    """What a wrapper makes of the result or the failure of what it wraps."""
    try:
        if failure is None:
            halves.send(result)
        else:
            halves.throw(failure)
    except StopIteration as end:
        return end.value
    raise PluginError(f"{who}, needs to yield once in {name}, around the step, but yields again.")


def _core(update: Callable[[], None]) -> _Listed:
    """The core's own implementation: makes the step."""

    from bpframe.training.hook_marker import hookimpl

    @hookimpl(trylast=True)
    def bpframe_update(state: RunState) -> bool:
        update()
        return True

    return _Listed(bpframe_update=bpframe_update)


def hook_names(callback: Any) -> set[str]:
    """The hooks that a callback has, or means to have."""
    own = {name for name, value in getattr(callback, "__dict__", {}).items() if _is_hook(name, value)}
    cls: Any = type(callback)
    return {*_hooks(cls), *own}


@functools.lru_cache(maxsize=256)
def _hooks(cls: type) -> tuple[str, ...]:
    """The hooks that a class of callbacks has, or means to have."""
    return tuple(name for name in dir(cls) if _is_hook(name, inspect.getattr_static(cls, name, None)))


def _counted(ahead: Callable[[Any], Any], who: str) -> Callable[[Any], float]:
    """The hook, whose number of epochs is looked at; pluggy would pass over None in silence."""

    def call(state: RunState) -> float:
        number = ahead(state)
        if not isinstance(number, int | float) or not number >= 1:
            raise PluginError(f"{who} needs to return a number of at least 1 in bpframe_epochs_ahead, got {number!r}.")
        return number

    return _marked(call, ahead)


def _is_prompt(hooks: Container[str]) -> bool:
    return "bpframe_epoch_start" in hooks or ("bpframe_epoch_end" in hooks and "bpframe_epochs_ahead" not in hooks)


def _is_hook(name: str, value: object) -> bool:
    return hasattr(value, "bpframe_impl") or (name.startswith("bpframe_") and callable(value))


def _check(callback: object, name: str) -> None:
    """ConfigError for what pluggy would pass over in silence: a misspelt hook, a missing mark, a default argument."""
    who = f"callback {type(callback).__name__}"
    options = getattr(inspect.getattr_static(callback, name), "bpframe_impl", None)
    if name not in SPECS:
        import difflib  # by errors alone

        close = difflib.get_close_matches(name, SPECS, n=1)
        hint = f" Did you mean '{close[0]}'?" if close else ""
        raise ConfigError(f"{who} has a hook '{name}', which does not exist.{hint} Hooks: {', '.join(SPECS)}.")
    if options is None:
        raise ConfigError(f"{who} has a method '{name}' that is not marked. Decorate it: @bpframe.hookimpl.")
    given = list(inspect.signature(getattr(callback, name)).parameters.values())
    if len(given) != 1 or given[0].name != "state" or given[0].default is not inspect.Parameter.empty:
        listing = ", ".join(map(str, given)) or "none"
        raise ConfigError(f"{who} needs '{name}(self, state)', got the arguments {listing}.")
    yields = inspect.isgeneratorfunction(getattr(callback, name))
    if yields and not (options["wrapper"] or options["hookwrapper"]):
        raise ConfigError(f"{who} has a hook '{name}' that yields. Decorate it: @bpframe.hookimpl(wrapper=True).")
    if not yields and (options["wrapper"] or options["hookwrapper"]):
        raise ConfigError(f"{who} has a wrapper '{name}' that does not yield. Let it yield once, around the step.")
