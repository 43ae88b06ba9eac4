"""How a command ends: its exit code, and what the user is told.

1 a failed check              4 numbers that are not finite        70 an error of bpframe itself
2 a wrong config or usage     5 a model or run file               130 Ctrl-C
3 unusable data               6 a plugin that cannot be used      143 SIGTERM
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bpframe.errors import (
    BpframeError,
    CheckFailed,
    CheckpointError,
    ConfigError,
    DataError,
    NumericalError,
    PluginError,
    UnknownComponent,
)


class Terminated(KeyboardInterrupt):
    """SIGTERM arrived; whatever cleans up after Ctrl-C cleans up after it."""


CODES: tuple[tuple[type[BaseException], int], ...] = (
    (CheckFailed, 1),
    (ConfigError, 2),
    (UnknownComponent, 2),  # before the rest of the plugin errors: a name in a config is wrong
    (DataError, 3),
    (NumericalError, 4),
    (CheckpointError, 5),
    (PluginError, 6),
    (Terminated, 143),
    (KeyboardInterrupt, 130),
)


def code(error: BaseException) -> int:
    """The exit code that tells a script what went wrong."""
    return next((number for kind, number in CODES if isinstance(error, kind)), 70)


def message(error: BaseException) -> str:
    """What the user is told, without a traceback; notes added on the way follow."""
    notes = getattr(error, "__notes__", [])
    return " ".join([_what(error), *notes])


def _what(error: BaseException) -> str:
    if isinstance(error, Terminated):
        return "Stopped by SIGTERM."
    if isinstance(error, KeyboardInterrupt):
        return "Stopped by Ctrl-C."
    if isinstance(error, ConfigError):
        return str(error)  # it begins with file and line, which terminals make a link of
    name = type(error).__name__
    if isinstance(error, BpframeError):
        return f"{name}: {error}"
    return f"{name}: {error}\nThis is an error of bpframe or of a plugin. See where: bpframe --debug ..."


@contextmanager
def terminable() -> Iterator[None]:
    """Inside, SIGTERM raises Terminated where the program is, so that it unwinds as after Ctrl-C."""
    if threading.current_thread() is not threading.main_thread():  # only the main thread may handle signals
        yield
        return
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _terminate(number: int, frame: Any) -> None:
    raise Terminated
