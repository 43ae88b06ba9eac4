"""Exit codes and error messages of the commands.

1 a failed check              4 numbers that are not finite        70 an error of bpframe itself
2 a wrong config or usage     5 a model or run file               130 Ctrl-C
3 unusable data               6 a plugin that cannot be used      143 SIGTERM
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

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


class SigtermReceived(KeyboardInterrupt):
    """SIGTERM arrived; a KeyboardInterrupt, so that the same code cleans up as after Ctrl-C."""


CODES: tuple[tuple[type[BaseException], int], ...] = (
    (CheckFailed, 1),
    (ConfigError, 2),
    (UnknownComponent, 2),  # before the rest of the plugin errors: a name in a config is wrong
    (DataError, 3),
    (NumericalError, 4),
    (CheckpointError, 5),
    (PluginError, 6),
    (SigtermReceived, 143),
    (KeyboardInterrupt, 130),
)


def exit_code(error: BaseException) -> int:
    """The exit code of an error."""
    return next((number for kind, number in CODES if isinstance(error, kind)), 70)


def error_message(error: BaseException) -> str:
    """The message for the user, without a traceback, followed by the notes of the error."""
    notes = getattr(error, "__notes__", [])
    return " ".join([_headline(error), *notes])


def _headline(error: BaseException) -> str:
    if isinstance(error, SigtermReceived):
        return "Stopped by SIGTERM."
    if isinstance(error, KeyboardInterrupt):
        return "Stopped by Ctrl-C."
    if isinstance(error, ConfigError):
        return str(error)  # it begins with file and line, which terminals turn into a link
    from bpframe.registry.safe_text import error_text  # imported where there is an error alone

    if isinstance(error, BpframeError):
        return error_text(error)
    return f"{error_text(error)}\nThis is an error of bpframe or of a plugin. See where: bpframe --debug ..."


@contextmanager
def sigterm_as_exception() -> Iterator[None]:
    """Inside the block, SIGTERM raises SigtermReceived in the main thread, as Ctrl-C raises KeyboardInterrupt."""
    if threading.current_thread() is not threading.main_thread():  # only the main thread may handle signals
        yield
        return
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _terminate(number: int, frame: FrameType | None) -> None:
    raise SigtermReceived
