"""Thread team: threads that share the work of one step, the rows of a large product or the pieces of an update.

BLAS has threads of its own. They wait for the next product in a busy loop, so nothing else gets their CPUs, and a step
in which anything but products takes time has one CPU for it. A team computes the products, too, on BLAS bounded to one
thread (`bpframe.engine.numpy.blas`). Jobs are taken from a queue: a thread that comes late finds fewer. "Team" is
OpenMP's word: the calling thread works, too.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from queue import SimpleQueue
from typing import final

import numpy as np

MIN_MULTIPLICATIONS = 2**24  # of a product, from which sharing it pays, where a team has no number of its own
LEAST = 2**22  # multiplications that any team shares
MIN_UPDATE = 7 * 2**15  # parameters, from which sharing their update pays

Job = Callable[[], object]


@final
class _JobQueue:
    """Jobs that no thread has taken yet, and for each helper a lock that it holds while it runs some."""

    def __init__(self, jobs: Sequence[Job], helpers: int) -> None:
        self._jobs, self.locks = deque(jobs), [threading.Lock() for _ in range(helpers)]
        self.errors: list[BaseException] = []

    def run(self) -> None:
        """Take and run jobs until none is left."""
        while self._jobs:
            try:
                job = self._jobs.popleft()
            except IndexError:  # another thread took the last one
                return
            job()

    def run_as_helper(self, lock: threading.Lock) -> None:
        """Run jobs on a helper thread; an error is kept for the calling thread and drops the jobs left."""
        with lock:
            try:
                self.run()
            except BaseException as error:
                self.errors.append(error)
                self._jobs.clear()

    def join(self) -> None:
        """Drop the jobs left and wait for the helpers, on Ctrl-C too: they still write to the caller's arrays."""
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
class _HelperThreads:
    """The helper threads of the process, started when they are first needed and kept."""

    def __init__(self) -> None:
        self._requests: SimpleQueue[tuple[_JobQueue, threading.Lock]] = SimpleQueue()
        self._count, self._start_lock = 0, threading.Lock()

    def submit(self, jobs: _JobQueue) -> None:
        """Have as many helpers as there are locks run jobs as soon as they are free."""
        if self._count < len(jobs.locks):
            self._start(len(jobs.locks))
        for lock in jobs.locks[: self._count]:
            self._requests.put((jobs, lock))

    def _start(self, count: int) -> None:
        with self._start_lock, suppress(RuntimeError):  # can't start new thread: then fewer help
            while self._count < count:
                threading.Thread(target=self._serve, daemon=True, name="bpframe helper").start()
                self._count += 1

    def _serve(self) -> None:
        with np.errstate(all="ignore"):
            while True:
                jobs, lock = self._requests.get()
                jobs.run_as_helper(lock)


_helpers = _HelperThreads()


def _reset_helpers() -> None:
    global _helpers
    _helpers = _HelperThreads()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset_helpers)  # a child process has none of its parent's threads


@final
class ThreadTeam:
    """`size` threads: the calling one and helpers. They share products of `least` multiplications and more."""

    def __init__(self, size: int, least: int | None = None) -> None:
        self.size, self._least = size, least

    def shares(self, multiplications: int) -> bool:
        """Whether a product is worth sharing."""
        return multiplications >= (MIN_MULTIPLICATIONS if self._least is None else self._least)

    def run(self, jobs: Sequence[Job]) -> None:
        """Run all jobs, in any order and on any of the threads; raises the first error once all threads have ended.

        A job shares nothing itself: on the calling thread, too, it computes as a helper does.
        """
        queue, before = _JobQueue(jobs, self.size - 1), _local.team
        _local.team = None
        try:
            _helpers.submit(queue)
            queue.run()
        finally:
            _local.team = before
            queue.join()
        if queue.errors:
            raise queue.errors[0]


class _ThreadLocal(threading.local):
    team: ThreadTeam | None = None


_local = _ThreadLocal()


def current_team() -> ThreadTeam | None:
    """The team that the calling thread has set by `thread_team`, if any."""
    return _local.team


@contextmanager
def thread_team(size: int, least: int | None = None) -> Iterator[None]:
    """A block in which products and updates of the calling thread are shared among `size` threads."""
    before, _local.team = _local.team, ThreadTeam(size, least)
    try:
        yield
    finally:
        _local.team = before
