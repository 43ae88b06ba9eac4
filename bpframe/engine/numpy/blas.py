"""How many threads compute: BLAS's while a block of code runs, JAX's from its first use on.

Environment variables are left alone: libraries read them once, when they are loaded, and they bind whole processes.
Where a BLAS is not OpenBLAS, and threadpoolctl is missing, they are all that bounds it, and a bound that they keep
counts.
"""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Sequence
from contextlib import AbstractContextManager, suppress
from importlib.util import find_spec
from threading import Condition, Lock, get_ident
from typing import final

from typing_extensions import Protocol

from bpframe import checks
from bpframe.engine.numpy import openblas
from bpframe.errors import ConfigError
from bpframe.saving import environment

PATIENCE = 60.0  # seconds that a block waits for blocks of another limit, which take a fraction of one

_jax_threads: list[int] = []  # what JAX was started with, where it was started here


class Library(Protocol):
    """One BLAS library, as `OpenBlas` and threadpoolctl's controllers are."""

    internal_api: str

    def get_num_threads(self) -> int | None:
        """How many threads it uses; None where it does not say."""

    def set_num_threads(self, threads: int, /) -> object:
        """Have it use so many."""


@final
class Blas:
    """The BLAS libraries of this process, bounded by the least of the limits that hold at present.

    A bound holds for the whole process. Blocks of one limit run side by side, those of different limits in turn, as
    they came: the bits of a product follow from the limit of its own block alone. A block inside another one of its
    thread begins at once. The last to end takes the bound back.
    """

    def __init__(self, libraries: Sequence[Library]) -> None:
        self._libraries, self._lock = libraries, Lock()
        self._turn = Condition(self._lock)
        self.callers: tuple[str, ...] = ()
        self._blocks: list[tuple[int, int]] = []  # (thread, limit) of each that runs
        self._waiting: deque[object] = deque()
        self._before: list[int | None] = []  # the threads of each library where no block runs, while one does
        self._present: list[int | None] = []  # those that it has now

    def limited_to(self, threads: int) -> AbstractContextManager[None]:
        """A block in which matrix products use at most so many threads."""
        return _Block(self, threads)

    @property
    def free(self) -> int:
        """How many threads it uses where it is not bounded here; 1 unless they wait in a loop (`ops.thread_team`)."""
        kinds = {(one.internal_api, getattr(one, "threading_layer", "")) for one in self._libraries}
        if kinds != {("openblas", "pthreads")}:
            return 1
        with self._lock:
            counts = self._before or [library.get_num_threads() for library in self._libraries]
        return min(count or 1 for count in counts)

    def others_compute(self) -> bool:
        """Whether a block of another thread runs."""
        own = get_ident()
        with self._lock:
            return any(thread != own for thread, _ in self._blocks)

    def use(self, libraries: Sequence[Library], callers: tuple[str, ...]) -> None:
        """Bound the libraries of these callers from now on; not while a block runs, whose bound is to be taken back."""
        with self._lock:
            if not self._blocks:
                self._libraries, self.callers = libraries, callers

    def begin(self, thread: int, limit: int) -> None:
        """Begin a block of a thread, once it is its turn."""
        with self._lock:
            if self._blocks or self._waiting:
                self._wait(thread, limit)
            self._blocks.append((thread, limit))
            self._change()

    def end(self, thread: int, limit: int) -> None:
        """End a block."""
        with self._lock:
            self._blocks.remove((thread, limit))
            self._change()
            if self._waiting:
                self._turn.notify_all()

    def renew(self) -> None:
        """In a forked child: threads of the parent that the child has not may have had blocks, or the lock."""
        self._lock, self._waiting = Lock(), deque()
        self._turn = Condition(self._lock)
        own = [block for block in self._blocks if block[0] == get_ident()]
        if own != self._blocks:
            self._blocks = own
            self._change()

    def _wait(self, thread: int, limit: int) -> None:
        """Until it is this block's turn; one that waits for what waits for it goes on after a while."""
        if any(owner == thread for owner, _ in self._blocks):
            return
        ticket = object()
        self._waiting.append(ticket)
        try:
            self._turn.wait_for(
                lambda: self._waiting[0] is ticket and all(other == limit for _, other in self._blocks), PATIENCE
            )
        finally:
            self._waiting.remove(ticket)
            self._turn.notify_all()

    def _change(self) -> None:
        if not self._before:
            self._before = [library.get_num_threads() for library in self._libraries]
            self._present = list(self._before)
        least = min([limit for _, limit in self._blocks]) if self._blocks else sys.maxsize
        for k, before in enumerate(self._before):
            wanted = least if before and least < before else before
            if (
                wanted is not None and wanted != self._present[k]
            ):  # None from a library that does not say, which is left as it is
                _set(self._libraries[k], wanted)
                self._present[k] = wanted
        if not self._blocks:
            self._before = []


@final
class _Block:
    """A block of the thread that enters it."""

    __slots__ = ("_blas", "_limit")

    def __init__(self, blas: Blas, limit: int) -> None:
        self._blas, self._limit = blas, limit

    def __enter__(self) -> None:
        self._blas.begin(get_ident(), self._limit)

    def __exit__(self, *_: object) -> None:
        self._blas.end(get_ident(), self._limit)


def _set(library: Library, limit: int) -> None:
    """Set the threads of a library from any thread: threadpoolctl 3.8 leaves that to the thread that did it first."""
    release = getattr(library, "clear_controlling_thread", None)
    if release is None:
        library.set_num_threads(limit)
        return
    release(force=True)
    library.set_num_threads(limit)
    release(force=True)


_blas: list[Blas] = []  # made at its first use
_making = Lock()


def process_blas() -> Blas:
    """The BLAS of this process; ConfigError where its threads cannot be set."""
    with _making:
        if not _blas:
            _blas.append(Blas([]))
            if hasattr(os, "register_at_fork"):
                os.register_at_fork(after_in_child=_blas[0].renew)
    blas, callers = _blas[0], openblas.callers()
    if blas.callers != callers:  # at first, and once SciPy is imported
        blas.use(openblas.loaded() or _libraries(), callers)
    return blas


def environment_keeps(threads: int) -> bool:
    """Whether a BLAS that nothing here can bound was started with no more threads."""
    return find_spec("threadpoolctl") is None and environment.threads_at_start() <= threads


def _libraries() -> list[Library]:
    try:
        from threadpoolctl import ThreadpoolController  # imported where threads are bounded only
    except ModuleNotFoundError as missing:
        raise ConfigError(
            "The engine numpy needs threadpoolctl to bound the threads of a BLAS that is not OpenBLAS, which is not "
            'installed. Install it: pip install "bpframe[threads]"; or bound them by its environment variable, which '
            "it reads when NumPy is imported; or leave threads out."
        ) from missing
    libraries: list[Library] = ThreadpoolController().select(user_api="blas").lib_controllers
    if not libraries:
        raise ConfigError("The engine numpy needs a BLAS whose threads can be set, got none. Leave threads out.")
    return libraries


def start_jax(threads: int | None) -> None:
    """Let JAX compute with at most so many threads on the CPU, by the CPUs that it sees when it starts; None: all.

    JAX starts once a process: ConfigError where that has happened with another number. Its threads may run on every
    CPU of the process all the same, so that several processes do not crowd the first.
    """
    if threads is None or _jax_threads == [checks.whole("The engine jax", 1, threads=threads)]:
        return
    import jax
    from jax._src import xla_bridge  # no public name says whether JAX has started

    if xla_bridge.backends_are_initialized():
        present = f"{_jax_threads[0]}" if _jax_threads else "a number of its own"
        raise ConfigError(
            f"The engine jax needs threads={threads} before JAX is first used in a process, but JAX has started "
            f"with {present}. Make it the first engine of the process, or leave threads out."
        )
    if not hasattr(os, "sched_setaffinity"):
        raise ConfigError(
            "The engine jax needs os.sched_setaffinity for threads=, which this system lacks. Leave threads out."
        )
    cpus, tasks = os.sched_getaffinity(0), set(_tasks())
    os.sched_setaffinity(0, sorted(cpus)[:threads])
    try:
        jax.devices()
    finally:
        for task in {0, *_tasks()} - tasks:
            with suppress(ProcessLookupError):  # it has ended since
                os.sched_setaffinity(task, cpus)
    _jax_threads.append(threads)


def _tasks() -> list[int]:
    """The threads of this process, by the kernel's numbers."""
    return list(map(int, os.listdir("/proc/self/task")))
