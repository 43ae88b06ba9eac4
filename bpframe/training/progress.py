"""Progress of a fit: the losses of steps that the history lacks, and the epochs that they complete.

Values of k steps in a row are arrays (3, k): loss, penalty and weight of each. Where updates are measured, rows of
what is measured follow, and where sums over rows are taken, those, as far as "(3, k)" is said here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, final

import numpy as np

from bpframe.types import HostArray


@final
@dataclass(frozen=True, eq=False, repr=False)
class PartialEpoch:
    """The part of an epoch that is made, as a checkpoint holds it: (3, k) values of its steps.

    `last_finite`: the last finite loss; `stopped`: why a hook stopped the fit, if one did; `collected`: the training
    scores (rows, C) that metrics are measured on; `sums`: those (K, k) that they are made of, where steps take them.
    """

    values: HostArray
    last_finite: float | None = None
    stopped: str | None = None
    collected: HostArray | None = None
    sums: HostArray | None = None


class FinishedEpoch(NamedTuple):
    """An epoch's number, the step after it, and the (3, k) values of its steps."""

    number: int
    step: int
    values: HostArray


@final
class FitProgress:
    """How far a fit is, in runs of epochs: an engine may make several epochs before the history has the first.

    `epoch`: number of the run's first epoch; `start`: the step before it; `steps`: batches of an epoch; `made`: steps
    of the run; `recorded`: its epochs in the history; `last_finite`: the last finite loss.
    """

    def __init__(self, partial: PartialEpoch | None, step: int, width: int = 3) -> None:
        """`width`: how many values each step has, besides sums over its rows."""
        self._width = width
        known = np.empty((width, 0)) if partial is None else _in_width(partial, width)
        self._values = [known]  # of steps that the history lacks
        self.last_finite = None if partial is None else partial.last_finite
        self.epoch, self.steps, self.recorded = 0, 1, 0
        self.made = self._values[0].shape[1]
        self.start = step - self.made
        self._since = 0.0  # when the time of the epochs that the history lacks began

    def restart(self, epoch: int, step: int, now: float) -> HostArray:
        """Begin a run of epochs at number `epoch`; the (3, k) values of the steps that were made of it before."""
        values = _joined(self._values)
        self._values, self.epoch, self.recorded = [values], epoch, 0
        self.made = values.shape[1]
        self.start = step - self.made
        self.last_finite = values.item(0, -1) if self.made else self.last_finite
        self._since = now
        return values

    def add(self, values: HostArray, step: int) -> bool:
        """Take the values of a block after which the session is at `step`.

        False where it made more steps than it kept, because one was not finite: what it undid is dropped.
        """
        kept = step - self.start - self.made
        self.made += kept
        self._values.append(values)
        if kept == values.shape[1]:
            self.last_finite = values.item(0, -1)
            return True
        self._values = [_joined(self._values)[:, : self.made - self.recorded * self.steps]]
        finite = values[0][np.isfinite(values[0])]
        self.last_finite = float(finite[-1]) if len(finite) else self.last_finite
        return False

    def cut(self, step: int) -> None:
        """Forget what was made after `step`."""
        self.made = step - self.start
        self._values = [_joined(self._values)[:, : self.made - self.recorded * self.steps]]

    def keep_whole_steps(self, values: HostArray, step: int) -> None:
        """Account for what is left, at `step`, of a block that an exception cut short; `values` of its steps.

        Where the session went back behind what the history has, or where values are missing, nothing changes.
        """
        kept = step - self.start - self.made
        if kept and self.recorded * self.steps <= self.made + kept and kept <= values.shape[1]:
            self.add(values, step)

    def has_grown(self, epochs: Sequence[float]) -> bool:
        """Whether losses are above the first one: of epochs where there are several, else of steps."""
        known = [*epochs, *_joined(self._values)[0, :1]]
        last = epochs[-1] if len(epochs) > 1 else self.last_finite
        return bool(known) and last is not None and last > known[0]

    def position(self) -> tuple[int, int, int]:
        """(epoch of the latest step, batches made of it, step)."""
        epoch = (self.made - 1) // self.steps
        return self.epoch + epoch, self.made - epoch * self.steps, self.start + self.made

    def finished(self, stopped: bool) -> int:
        """How many epochs of the run have ended; one that a stop cut short counts."""
        return -(-self.made // self.steps) if stopped else self.made // self.steps

    def passed(self) -> int:
        """How many epochs of the run have ended some steps ago."""
        return max(0, self.made - 1) // self.steps

    def next_epoch(self) -> FinishedEpoch:
        """The oldest epoch that the history lacks."""
        self._values, number = [_joined(self._values)], self.recorded
        values = self._values[0][:, : self.steps]
        return FinishedEpoch(self.epoch + number, self.start + number * self.steps + values.shape[1], values)

    def mark_recorded(self) -> None:
        """From now on the oldest epoch that the history lacked counts as recorded."""
        self._values, self.recorded = [_joined(self._values)[:, self.steps :]], self.recorded + 1

    def seconds(self, finished: int, now: float) -> float:
        """Each epoch's equal share of the time in which so many epochs ended that the history lacks some."""
        return (now - self._since) / max(1, finished - self.recorded)

    def restart_clock(self, now: float) -> None:
        """Count time from now on: what was spent on recording epochs is not the next epoch's."""
        self._since = now

    def partial(self, step: int, stopped: str | None) -> PartialEpoch | None:
        """What a checkpoint needs at `step`; None where the session is further than the values that are known.

        That is so when an exception cut a block short: a session may keep the whole steps of such a block.
        """
        if step != self.start + self.made:
            return None
        values = _joined(self._values)
        sums = values[self._width :] if len(values) > self._width else None
        return PartialEpoch(values[: self._width], self.last_finite, stopped, sums=sums)


def _in_width(partial: PartialEpoch, width: int) -> HostArray:
    """Values with as many rows, NaN of what was not measured before, without what is no longer measured; then sums."""
    values = partial.values
    more = np.full((max(0, width - len(values)), values.shape[1]), np.nan)
    sums = np.empty((0, values.shape[1])) if partial.sums is None else partial.sums
    return np.concatenate([values[:width], more, sums])


def _joined(values: list[HostArray]) -> HostArray:
    """(3, k) values of blocks in a row; mostly all but one are empty."""
    if len(values) == 1:
        return values[0]
    some = [part for part in values if part.size]
    return some[0] if len(some) == 1 else np.concatenate(some or values[:1], axis=1)
