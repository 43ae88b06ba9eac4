"""Threads that share the work of one step: the rows of a large product, and whatever else falls into parts.

BLAS has threads of its own. They wait for the next product in a loop and leave their CPUs to nobody else, so a step in
which anything but products takes time is left with one CPU for it. A team makes the products, too, on BLAS bounded to
one thread (`bpframe.engine.numpy.blas`). Work is dealt out as threads ask for it: one that comes late finds less.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from itertools import pairwise
from queue import SimpleQueue
from typing import Any, final

import numpy as np

from bpframe.types import HostArray

WORTH = 2**24  # multiplications of a product, from which it pays to share it

Job = Callable[[], object]


@final
class _Work:
    """Jobs that are left, and a lock for each helper that it holds while it works on them."""

    def __init__(self, jobs: Sequence[Job], helpers: int) -> None:
        self._jobs, self.locks = deque(jobs), [threading.Lock() for _ in range(helpers)]
        self.errors: list[BaseException] = []

    def go_on(self) -> None:
        """Do jobs until none is left."""
        while self._jobs:
            try:
                job = self._jobs.popleft()
            except IndexError:  # another was faster
                return
            job()

    def help(self, lock: threading.Lock) -> None:
        """Go on, on behalf of another thread."""
        with lock:
            try:
                self.go_on()
            except BaseException as error:
                self.errors.append(error)
                self._jobs.clear()

    def end(self) -> None:
        """Wait until nobody works on it any more: Ctrl-C must not hand out what is still written to."""
        interrupt: KeyboardInterrupt | None = None
        while True:
            try:
                self._jobs.clear()
                for lock in self.locks:
                    with lock:
                        pass
                break
            except KeyboardInterrupt as error:
                interrupt = error
        if interrupt is not None:
            raise interrupt


@final
class _Helpers:
    """The threads that help, started when they are first asked for and kept for the process."""

    def __init__(self) -> None:
        self._asked: SimpleQueue[tuple[_Work, threading.Lock]] = SimpleQueue()
        self._count, self._starting = 0, threading.Lock()

    def ask(self, work: _Work) -> None:
        """Have as many threads as the work has locks help with it, as soon as they are free."""
        if self._count < len(work.locks):
            self._start(len(work.locks))
        for lock in work.locks[: self._count]:
            self._asked.put((work, lock))

    def _start(self, count: int) -> None:
        with self._starting, suppress(RuntimeError):  # that there are too many threads: then fewer help
            while self._count < count:
                threading.Thread(target=self._serve, daemon=True, name="bpframe helper").start()
                self._count += 1

    def _serve(self) -> None:
        with np.errstate(all="ignore"):
            while True:
                work, lock = self._asked.get()
                work.help(lock)


_helpers = _Helpers()


def _renew() -> None:
    global _helpers
    _helpers = _Helpers()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)  # threads are not there in a child


@final
class Team:
    """So many threads: the one that asks, and helpers."""

    def __init__(self, size: int) -> None:
        self.size = size

    def share(self, jobs: Sequence[Job]) -> None:
        """Do all jobs, in any order and on any of the threads; the first error, once nobody works any more."""
        work = _Work(jobs, self.size - 1)
        try:
            _helpers.ask(work)
            work.go_on()
        finally:
            work.end()
        if work.errors:
            raise work.errors[0]


class _Here(threading.local):
    team: Team | None = None


_here = _Here()


def present() -> Team | None:
    """The team that works for this thread, if one does."""
    return _here.team


@contextmanager
def at_work(size: int) -> Iterator[None]:
    """A block that shares its work among so many threads."""
    before, _here.team = _here.team, Team(size)
    try:
        yield
    finally:
        _here.team = before


def is_large(a: Any, b: Any) -> bool:
    """Whether a team shares the product of two matrices."""
    return bool(a.ndim == b.ndim == 2 and a.shape[0] * a.shape[1] * b.shape[1] >= WORTH)


def matmul(a: Any, b: Any, out: HostArray | None = None) -> HostArray:
    """a b as NumPy makes it, (n, k), (k, m) -> (n, m), in `out` if that is given; a large one by the team at work.

    It is cut into as many parts as there are threads, the same whoever makes them: bits depend on the size of the team.
    """
    team = _here.team
    if team is None or type(a) is not np.ndarray or not is_large(a, b):
        product: HostArray = np.matmul(a, b, out)
        return product
    n, size = len(a), team.size
    if out is None:
        out = np.empty((n, b.shape[1]), np.result_type(a, b))
    cuts = [n * i // size for i in range(size + 1)]
    team.share([partial(np.matmul, a[i:j], b, out[i:j]) for i, j in pairwise(cuts)])
    return out
