"""Rollback to the last good step: the rollback point, the log of the steps since, and their replay.

Replay is exact, since order and draws of a step depend on its number alone. A session has a `Rollback` and hands
itself to it; how it copies its state and makes steps again is its own (`Reversible`).
"""

from __future__ import annotations

import time
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol, final

from bpframe.protocols import Batches

SECONDS = 0.5  # how old a point to return to may become: the longest replay


class Reversible(Protocol):
    """What going back asks of a session."""

    step: int

    def computing(self) -> AbstractContextManager[None]:
        """A block in which it computes."""

    def copy_state(self) -> Any:
        """A copy of all that steps change."""

    def restore_state(self, state: Any) -> None:
        """Put that in the place of what is there; the copy serves again."""

    def repeat(self, batches: Batches, start: int, stop: int) -> int:
        """Make steps from `start` on again, some of those before `stop`; the step before which they end."""

    def all_finite(self) -> bool:
        """Whether all parameters are finite."""


@final
class StepLog:
    """Steps in their order, each a batch of some epochs by its number; neighbours are kept as one range.

    `since`: when the log was begun, in seconds of `time.perf_counter`; now if left out.
    """

    def __init__(self, since: float | None = None) -> None:
        self.since = time.perf_counter() if since is None else since
        self.ranges: list[tuple[Batches, range]] = []

    @property
    def old(self) -> bool:
        """Whether it is time for a new point, since these steps may take too long to be made again."""
        return self.since + SECONDS < time.perf_counter()

    def add(self, batches: Batches, start: int, stop: int) -> None:
        """Log the steps start .. stop - 1."""
        if self.ranges:
            last, steps = self.ranges[-1]
            if last is batches and steps.stop == start:
                self.ranges[-1] = batches, range(steps.start, stop)
                return
        self.ranges.append((batches, range(start, stop)))

    def cut(self, steps: int) -> None:
        """Keep so many of the first steps."""
        kept: list[tuple[Batches, range]] = []
        for batches, made in self.ranges:
            if steps > 0:
                kept.append((batches, made[:steps]))
            steps -= len(made)
        self.ranges = kept


@final
@dataclass(eq=False, repr=False)
class RollbackPoint:
    """A state to return to, the step after which it was, and the steps made since."""

    step: int
    state: Any
    log: StepLog


@final
class Rollback:
    """The point to return to, made before the first step that leaves it.

    `writing`: whether parameters and optimizer state may be between two steps.
    """

    def __init__(self, point: RollbackPoint | None = None) -> None:
        self._point, self.writing = point, False

    def point(self, session: Reversible) -> RollbackPoint:
        """The point; made of the present state if there is none."""
        if self._point is None:
            self._point = RollbackPoint(session.step, session.copy_state(), StepLog())
        return self._point

    def mark(self) -> None:
        """Make the present the point to return to."""
        self._point, self.writing = None, False

    @property
    def moved(self) -> bool:
        """Whether steps were made since the point."""
        return self._point is not None and bool(self._point.log.ranges)

    @property
    def old(self) -> bool:
        """Whether it is time for a new point."""
        return self._point is not None and self._point.log.old

    def log(self, session: Reversible, batches: Batches, start: int, stop: int) -> None:
        """The steps start .. stop - 1 are made."""
        (self._point or self.point(session)).log.add(batches, start, stop)
        session.step += stop - start

    def commit(self, session: Reversible) -> bool:
        """Whether all parameters are finite: then, now and then, a new point; else back to where they were."""
        if session.all_finite():
            if self.old:
                self.mark()
            return True
        self.roll_back(session, finite=True)
        return False

    def roll_back(self, session: Reversible, finite: bool = False) -> None:
        """Undo what was cut off; with `finite`, every step from the first whose parameters are not finite.

        Ctrl-C does not end it: parameters must be those of a whole step before they are read.
        """
        if self._point is None:
            return
        log = self._point.log
        while self.writing or finite:
            try:
                self.replay(session, log, finite)
                return
            except KeyboardInterrupt:
                continue

    def rewind(self, session: Reversible, point: RollbackPoint, step: int) -> None:
        """Go back to after `step` steps, some since `point`, which are made again."""
        point.log.cut(step - point.step)
        self._point, self.writing = point, True
        self.roll_back(session)

    def replay(self, session: Reversible, log: StepLog, finite: bool = False) -> None:
        """From the point on, the steps of a log; with `finite`, one by one up to the last that leaves all finite."""
        point = self.point(session)
        with session.computing():
            session.restore_state(point.state)
            session.step, point.log = point.step, StepLog(log.since)
            for batches, steps in list(log.ranges):
                start = steps.start
                while start < steps.stop:
                    before = session.copy_state() if finite else None
                    stop = session.repeat(batches, start, start + 1 if finite else steps.stop)
                    if finite and not session.all_finite():
                        session.restore_state(before)
                        self.writing = False
                        return
                    self.log(session, batches, start, stop)
                    self.writing = False  # a whole step: signals that keep coming end the replay here
                    start = stop
            self.writing = False
