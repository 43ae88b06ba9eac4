"""The argument `verbose` of a fit: what is shown of its progress, by the callback `progress`."""

from __future__ import annotations

import copy
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Literal, cast, final

from bpframe.errors import ConfigError
from bpframe.registry import build, registry
from bpframe.registry.describe import short_name
from bpframe.training.run_state import RunState

Verbose = Literal["auto", 0, 1, 2] | bool

PROGRESS = "progress"  # the callback
HOOKS = frozenset({"bpframe_fit_start", "bpframe_block_end", "bpframe_fit_end", "bpframe_exception"})  # that it has
AUTO_SECONDS = 1.0  # of a fit before "auto" shows anything
SETTINGS: dict[Verbose, dict[str, Any]] = {
    1: {},
    2: {"plain": True, "every": 1},
    "auto": {"delay": AUTO_SECONDS, "stream": "stderr"},
}


def require_verbose(who: str, verbose: object) -> Verbose:
    """ "auto", 0, 1 or 2; True and False are 1 and 0.  ConfigError for anything else."""
    if isinstance(verbose, str | int) and verbose in ("auto", 0, 1, 2):
        return cast(Verbose, verbose if isinstance(verbose, str) else int(verbose))
    raise ConfigError(f'{who} needs "auto", 0, 1 or 2 as verbose, got {verbose!r}. 0 shows nothing.')


def fit_observer(verbose: Verbose, callbacks: Sequence[object]) -> Callable[[str, RunState], None] | None:
    """What is told of each hook of a fit; None where nothing is shown, or one of its callbacks shows it already."""
    if not verbose or (verbose == "auto" and threading.current_thread() is not threading.main_thread()):
        return None
    if any(short_name(registry, "callback", callback) == PROGRESS for callback in callbacks):
        return None
    return FitObserver(verbose)


@final
class FitObserver:
    """Hands the hooks of a fit on to the callback `progress`, which is made only when there may be something to show.

    So a fit that is over before costs nothing, and no fit needs a plugin manager for it.
    """

    def __init__(self, verbose: Verbose) -> None:
        self._settings = SETTINGS[verbose]
        self._first: dict[str, Any] = {}  # the state as it was when the fit began
        self._progress: Any = None
        self._auto = verbose == "auto"

    def __call__(self, hook: str, state: RunState) -> None:
        """Hand one on, if `progress` has it."""
        if hook not in HOOKS:
            return
        self._first = self._first or dict(vars(state))
        if self._progress is None:
            if self._auto and (time.perf_counter() - state.began < AUTO_SECONDS or _in_child_process()):
                return
            self._progress = build("callback", {"name": PROGRESS, **self._settings})
            first = copy.copy(state)
            vars(first).update(self._first)
            self._progress.bpframe_fit_start(first)
            if hook == "bpframe_fit_start":
                return
        getattr(self._progress, hook)(state)


def _in_child_process() -> bool:
    """Whether another process started this one for a part of its work: several would write at once."""
    module = sys.modules.get("multiprocessing.process")
    return module is not None and module.parent_process() is not None
