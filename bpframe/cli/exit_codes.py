"""Exit codes and error messages of the commands."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from errno import EBADF, EDQUOT, EIO, ENOSPC
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
from bpframe.layout import text_table


class SigtermReceived(KeyboardInterrupt):
    """SIGTERM arrived; a KeyboardInterrupt, so that the same code cleans up as after Ctrl-C."""


EXPLANATIONS = {  # of each exit code: what it means, and whether the same command is worth repeating
    0: ("done", "no need"),
    1: ("a check that failed", "no"),
    2: ("a wrong config, name or option", "no"),
    3: ("unusable data", "no"),
    4: ("numbers that are not finite: it would diverge again", "no"),
    5: ("a model or run file: missing, damaged, not writable", "when mended"),
    6: ("a plugin that cannot be used", "no"),
    70: ("an error of bpframe itself", "no"),
    74: ("output that cannot be written, on a full disk", "when mended"),
    129: ("a closed terminal (SIGHUP)", "yes *"),
    130: ("Ctrl-C", "yes *"),
    141: ("a reader that closed the pipe of the output", "yes"),
    143: ("SIGTERM", "yes *"),
}
EPILOG = "\n".join(
    [
        "\b",
        *text_table(
            ("Exit code", "", "Repeat it?"),
            [(f"{code:>9}", what, again) for code, (what, again) in EXPLANATIONS.items()],
        ),
        "* train --resume auto goes on where the run was stopped",
    ]
)


class SighupReceived(KeyboardInterrupt):
    """SIGHUP arrived, as when a terminal is closed; a KeyboardInterrupt for the same reason."""


STOPPING: dict[int, type[KeyboardInterrupt]] = {signal.SIGTERM: SigtermReceived}
if hasattr(signal, "SIGHUP"):  # Windows has none
    STOPPING[signal.SIGHUP] = SighupReceived

CODES: tuple[tuple[type[BaseException], int], ...] = (
    (CheckFailed, 1),
    (ConfigError, 2),
    (UnknownComponent, 2),  # before the rest of the plugin errors: a name in a config is wrong
    (DataError, 3),
    (NumericalError, 4),
    (CheckpointError, 5),
    (PluginError, 6),
    (SighupReceived, 129),
    (SigtermReceived, 143),
    (KeyboardInterrupt, 130),
    (BrokenPipeError, 141),
)


def exit_code(error: BaseException) -> int:
    """The exit code of an error."""
    if is_of_output(error):
        return 74
    return next((number for kind, number in CODES if isinstance(error, kind)), 70)


def is_of_output(error: BaseException) -> bool:
    """Whether a write to stdout failed: only that is an error of the system that names no file, and no component."""
    own = isinstance(error, OSError) and error.filename is None and error.errno in (ENOSPC, EDQUOT, EIO, EBADF)
    return own and not getattr(error, "__notes__", [])


def error_message(error: BaseException) -> str:
    """The message for the user, without a traceback, followed by the notes of the error."""
    notes = getattr(error, "__notes__", [])
    return " ".join([_headline(error), *notes])


def _headline(error: BaseException) -> str:
    if isinstance(error, SigtermReceived):
        return "Stopped by SIGTERM."
    if isinstance(error, SighupReceived):
        return "Stopped by SIGHUP."
    if isinstance(error, KeyboardInterrupt):
        return "Stopped by Ctrl-C."
    if isinstance(error, ConfigError):
        return str(error)  # it begins with file and line, which terminals turn into a link
    if is_of_output(error):
        return f"The output cannot be written: {error.strerror}."  # type: ignore[attr-defined]  # an OSError
    from bpframe.registry.safe_text import error_text  # imported where there is an error alone

    if isinstance(error, BpframeError):
        return error_text(error)
    return f"{error_text(error)}\nThis is an error of bpframe or of a plugin. See where: bpframe --debug ..."


@contextmanager
def stopping_signals_as_exceptions() -> Iterator[None]:
    """Inside the block, SIGTERM and SIGHUP raise an exception in the main thread, as Ctrl-C raises KeyboardInterrupt.

    Unless they are ignored, as SIGHUP is by what `nohup` starts.
    """
    if threading.current_thread() is not threading.main_thread():  # only the main thread may handle signals
        yield
        return
    heard = [number for number in STOPPING if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, _stop) for number in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _stop(number: int, frame: FrameType | None) -> None:
    raise STOPPING[number]
