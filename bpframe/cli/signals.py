"""A first Ctrl-C or SIGTERM ends a fit between two blocks of steps, where all of it is known; a second one at once."""

from __future__ import annotations

import signal
import threading
from typing import Any, final

from bpframe.cli.exit_codes import Terminated
from bpframe.training.hooks import hookimpl
from bpframe.training.run_state import RunState

SIGNALS = {signal.SIGINT: KeyboardInterrupt, signal.SIGTERM: Terminated}


@final
class Stopping:
    """The callback that waits for a signal; only the main thread may handle any."""

    def __init__(self) -> None:
        self._arrived: int | None = None
        self._before: dict[int, Any] = {}

    @hookimpl
    def bpframe_fit_start(self, state: RunState) -> None:
        """Note signals from now on."""
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._note) for number in SIGNALS}

    @hookimpl
    def bpframe_block_end(self, state: RunState) -> None:
        """End the fit here, if a signal came."""
        if self._arrived is not None:
            raise SIGNALS[signal.Signals(self._arrived)]

    @hookimpl
    def bpframe_exception(self, state: RunState) -> None:
        """Handle signals as before."""
        self._give_back()

    @hookimpl
    def bpframe_fit_end(self, state: RunState) -> None:
        """Handle signals as before; one that came in the last block still counts."""
        self._give_back()
        if self._arrived is not None:
            raise SIGNALS[signal.Signals(self._arrived)]

    def _note(self, number: int, frame: Any) -> None:
        if self._arrived is not None:
            raise SIGNALS[signal.Signals(number)]
        self._arrived = number

    def _give_back(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}
