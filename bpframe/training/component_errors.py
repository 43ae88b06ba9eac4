"""Errors raised inside components: those of the program's own objects pass, those of plugins become PluginErrors.

The program's own are objects of classes that no distribution offers, and what it gave a name by bp.register. Their
exceptions are the program's to handle, so they stay what they are, with a note (PEP 678) that says where they arose;
all but that of a write into an argument, which bpframe has made read-only.
"""

from __future__ import annotations

from bpframe.errors import BrokenComponent, PluginError
from bpframe.registry import registry
from bpframe.registry.describe import title
from bpframe.registry.policy import LOCAL
from bpframe.registry.safe_text import add_note, error_text

CAUGHT = (Exception, GeneratorExit, SystemExit)  # a component must not end the program; Ctrl-C does


def component_error(error: BaseException, kind: str, component: object, method: str) -> BaseException:
    """What to raise for an error in a component's method: the error itself, or a BrokenComponent that names it."""
    return _error(error, kind, component, title(registry, kind, component), method, BrokenComponent)


def callback_error(error: BaseException, callback: object, who: str, hook: str) -> BaseException:
    """What to raise for an error in a callback's hook: the error itself, or a PluginError; `who`: the callback."""
    return _error(error, "callback", callback, f"{who},", hook, PluginError)


def _error(
    error: BaseException, kind: str, component: object, who: str, method: str, broken: type[PluginError]
) -> BaseException:
    provider = registry.provider_of(kind, component)
    if isinstance(error, SystemExit) and _of_signal(error):
        return error
    if (provider is None or provider.dist == LOCAL) and not _of_read_only(error):
        return add_note(error, f"Raised by {who} in {method}.")
    return broken(f"{who} fails in {method}: {error_text(error)}")


def _of_signal(error: BaseException) -> bool:
    """Whether a signal's handler raised it, which may happen anywhere, in a component too."""
    import signal  # by errors alone
    import traceback

    handlers = {getattr(signal.getsignal(number), "__code__", None) for number in signal.valid_signals()}
    return any(frame.f_code in handlers for frame, _ in traceback.walk_tb(error.__traceback__))


def _of_read_only(error: BaseException) -> bool:
    return isinstance(error, ValueError) and "is read-only" in error_text(error)  # NumPy's words
