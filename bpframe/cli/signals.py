"""Signals during a fit: the first ends it at the end of a block of steps, a second at once; none while it is saved."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any, final

from bpframe.cli.exit_codes import STOPPING
from bpframe.training.hook_marker import hookimpl
from bpframe.training.run_state import RunState

SIGNALS: dict[int, type[KeyboardInterrupt]] = {signal.SIGINT: KeyboardInterrupt, **STOPPING}


@final
class SignalHandler:
    """A callback that handles signals during a fit, in the main thread only.

    A signal that is ignored when the fit starts stays ignored: `nohup` does that to SIGHUP, shells to Ctrl-C for a job
    in the background. Once the fit ends by an exception, signals wait until `release`: what is kept is being written.
    """

    def __init__(self) -> None:
        self._arrived: int | None = None
        self._saving = False
        self._previous: dict[int, Any] = {}

    @hookimpl
    def bpframe_fit_start(self, state: RunState) -> None:
        """Install the signal handlers."""
        if threading.current_thread() is threading.main_thread():
            heard = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
            self._previous = {number: signal.signal(number, self._on_signal) for number in heard}

    @hookimpl
    def bpframe_block_end(self, state: RunState) -> None:
        """End the fit if a signal has arrived."""
        if self._arrived is not None:
            raise SIGNALS[self._arrived]

    @hookimpl(tryfirst=True)
    def bpframe_exception(self, state: RunState) -> None:
        """From here on signals wait."""
        self._saving = True

    def release(self) -> None:
        """Restore the previous handlers, once what is left of the run is written."""
        self._restore_handlers()

    @hookimpl
    def bpframe_fit_end(self, state: RunState) -> None:
        """Restore the previous handlers; a signal that arrived in the last block is still raised."""
        self._restore_handlers()
        if self._arrived is not None:
            raise SIGNALS[self._arrived]

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self._saving:
            return
        if self._arrived is not None:
            raise SIGNALS[number]
        self._arrived = number

    def _restore_handlers(self) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        self._previous = {}
