"""The state of a process that all of it shares, and what has changed in it: generators, handlers, threads, files."""

from __future__ import annotations

import atexit
import builtins
import decimal
import gc
import hashlib
import locale
import logging
import os
import random
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

State = Mapping[str, Any]
GENERATORS = {
    "NumPy's global generator": lambda: _digest(np.random.get_state()),
    "the generator of `random`": lambda: _digest(random.getstate()),
}
READ: dict[str, Callable[[], Any]] = {  # each part of the state, and how it is read
    **GENERATORS,
    "environment variables": lambda: dict(os.environ),
    "working folder": os.getcwd,
    "filters of warnings": lambda: [str(each) for each in warnings.filters],
    "sys.path": lambda: list(sys.path),
    "import hooks": lambda: [*map(id, sys.meta_path), *map(id, sys.path_hooks)],
    "signal handlers": lambda: {str(each): id(signal.getsignal(each)) for each in signal.valid_signals()},
    "NumPy's floating-point errors": np.geterr,
    "NumPy's print options": lambda: {name: repr(value) for name, value in np.get_printoptions().items()},
    "functions of NumPy": lambda: {name: id(value) for name, value in vars(np).items()},
    "builtins": lambda: {name: id(value) for name, value in vars(builtins).items()},
    "logging": lambda: (logging.root.level, [id(each) for each in logging.root.handlers], logging.root.manager.disable),
    "hooks of sys": lambda: [id(each) for each in (sys.excepthook, sys.displayhook, sys.unraisablehook)],
    "tracing": lambda: (id(sys.gettrace()), id(sys.getprofile())),
    "recursion limit": sys.getrecursionlimit,
    "locale": lambda: locale.setlocale(locale.LC_ALL),
    "garbage collection": lambda: (gc.isenabled(), gc.get_threshold()),
    "precision of decimal": lambda: decimal.getcontext().prec,
    "file mode mask": lambda: _umask(),
    "functions at exit": atexit._ncallbacks,
    "threads": lambda: {f"{each.name}": each.ident for each in threading.enumerate()},
    "child processes": lambda: _children(),
    "open files": lambda: _descriptors(),
}
GROWING = ("functions of NumPy",)  # where only what is replaced counts: submodules are loaded when they are touched


def process_state() -> State:
    """The state now."""
    return {name: read() for name, read in READ.items()}


def state_changes(before: State, after: State) -> list[tuple[str, str]]:
    """(part, what of it) for each part that has changed: ("environment variables", "OMP_NUM_THREADS")."""
    changed = [(name, _difference(before[name], after[name], name in GROWING)) for name in before]
    return [(name, ", ".join(what)) for name, what in changed if what is not None]


def _difference(before: Any, after: Any, growing: bool) -> list[str] | None:
    """The names or items that differ, where they have any; None where nothing does."""
    if isinstance(before, Mapping):
        names = [*before, *(name for name in after if name not in before and not growing)]
        return [name for name in names if before.get(name) != after.get(name)] or None
    if before == after:
        return None
    if isinstance(after, Sequence) and all(isinstance(each, str) for each in after) and not isinstance(after, str):
        return [each for each in after if each not in before]
    return []


def _digest(value: Any) -> str:
    return hashlib.sha256(repr(_plain(value)).encode()).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.tolist()
    return [_plain(each) for each in value] if isinstance(value, tuple) else value


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _children() -> list[str]:
    """The processes that this one has started and that still run, where the system says so."""
    return sorted(
        number
        for file in Path("/proc/self/task").glob("*/children")
        for number in file.read_text(encoding="ascii").split()
    )


def _descriptors() -> dict[str, str]:
    """What each open descriptor leads to, where the system says so."""
    return dict(_links(Path("/proc/self/fd")))


def _links(folder: Path) -> Iterator[tuple[str, str]]:
    for each in folder.glob("*"):
        try:
            target = os.readlink(each)
        except OSError:  # the descriptor of this listing itself
            continue
        if not target.startswith("/proc/"):
            yield target, target
