"""How many threads compute: BLAS's or a team's while a block of code runs, JAX's from its first use on.

Environment variables are left alone: libraries read them once, when they are loaded, and they bind whole processes.
Where threadpoolctl is missing they are all that bounds BLAS, and a bound that they keep counts.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from importlib.util import find_spec
from threading import Lock
from typing import Any

from bpframe import checks, tree
from bpframe.errors import ConfigError
from bpframe.network.network import Network
from bpframe.ops import thread_team
from bpframe.registry import registry
from bpframe.registry.nested import classes
from bpframe.saving import environment
from bpframe.types import Params

LARGE = 2**20  # parameters of a network, from which a team pays
MOST = 4  # threads of a team; with more of them Python's lock would keep them waiting

Working = Callable[[], AbstractContextManager[None]]  # makes a block in which an engine computes

_jax_threads: list[int] = []  # what JAX was started with, where it was started here


class _Blas:
    """The BLAS libraries of this process, bounded by the least of the limits that hold at present.

    A bound holds for the whole process, so limits from several threads are counted: the first sets a bound, the last
    takes it back.
    """

    def __init__(self, libraries: list[Any]) -> None:
        self._libraries, self._lock = libraries, Lock()
        self._limits: list[int] = []
        self._before: list[int] = []

    @contextmanager
    def limited_to(self, threads: int) -> Iterator[None]:
        """A block in which matrix products use at most so many threads."""
        with self._lock:
            self._limits.append(threads)
            self._change()
        try:
            yield
        finally:
            with self._lock:
                self._limits.remove(threads)
                self._change()

    @property
    def free(self) -> int:
        """How many threads it uses where it is not bounded here; 1 unless they wait in a loop (`ops.thread_team`)."""
        kinds = {(one.internal_api, getattr(one, "threading_layer", "")) for one in self._libraries}
        if kinds != {("openblas", "pthreads")}:
            return 1
        with self._lock:
            counts = self._before or [library.get_num_threads() for library in self._libraries]
        return min(count or 1 for count in counts)  # None from a library that does not say

    def renew(self) -> None:
        """In a forked child: another thread of the parent may have held the lock."""
        self._lock = Lock()

    def _change(self) -> None:
        if not self._before:
            self._before = [library.get_num_threads() for library in self._libraries]
        limits = [min(*self._limits, before) for before in self._before] if self._limits else self._before
        for library, limit in zip(self._libraries, limits, strict=True):
            _set(library, limit)
        if not self._limits:
            self._before = []


def _set(library: Any, limit: int) -> None:
    """Set the threads of a library from any thread: threadpoolctl 3.8 leaves that to the thread that did it first."""
    release = getattr(library, "clear_controlling_thread", lambda force: None)
    release(force=True)
    library.set_num_threads(limit)
    release(force=True)


_blas: list[_Blas] = []  # made at its first use


def limit_threads(threads: int | None) -> AbstractContextManager[None]:
    """A block in which BLAS uses at most so many threads; None: no bound. ConfigError where it cannot be bounded."""
    return nullcontext() if threads is None else _limit_blas_threads(threads)


def _limit_blas_threads(threads: int) -> AbstractContextManager[None]:
    checks.whole("The engine numpy", 1, threads=threads)
    if not _blas and environment.threads_at_start() <= threads and find_spec("threadpoolctl") is None:
        return nullcontext()  # BLAS has no more of them anyway
    return _process_blas(threads).limited_to(threads)


def _process_blas(threads: int = 1) -> _Blas:
    if not _blas:
        _blas.append(_Blas(_libraries(threads)))
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=_blas[0].renew)
    return _blas[0]


def shared(threads: int | None, teams: bool) -> AbstractContextManager[None]:
    """A block that computes on at most so many threads: those of a team where `teams` and BLAS has two to four."""
    size = team_size(threads) if teams else 1
    return _shared(size) if size > 1 else limit_threads(threads)


@contextmanager
def _shared(size: int) -> Iterator[None]:
    with _limit_blas_threads(1), thread_team.thread_team(size):
        yield


def team_size(threads: int | None) -> int:
    """How many threads a team may have; 1 where BLAS has threads enough of its own, or they cannot be made to rest."""
    free = 1
    with suppress(ConfigError):
        free = _process_blas().free
    size = free if threads is None else min(threads, free)
    return size if size <= MOST else 1


def teams_pay(network: Network, parameters: Params) -> bool:
    """Whether a network is large, and all its products are those of bpframe's layers, which a team can share."""
    if sum(leaf.size for _, leaf in tree.leaves(parameters)) < LARGE:
        return False
    return all(map(registry.owns, classes(layer for _, layer in network.layers)))


def _libraries(threads: int) -> list[Any]:
    try:
        from threadpoolctl import ThreadpoolController  # imported where threads are bounded only
    except ModuleNotFoundError as missing:
        raise ConfigError(
            "The engine numpy needs threadpoolctl to bound its threads, which is not installed. "
            f'Install it: pip install "bpframe[threads]"; or start Python with OPENBLAS_NUM_THREADS={threads}, which '
            "BLAS reads when NumPy is imported; or leave threads out."
        ) from missing
    libraries: list[Any] = ThreadpoolController().select(user_api="blas").lib_controllers
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
