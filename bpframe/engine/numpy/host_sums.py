"""Sums over the rows of steps on the host, made of the scores that are kept, those of many steps at once.

Shapes: k steps, K sums of each.
"""

from __future__ import annotations

from typing import final

import numpy as np

from bpframe.engine.numpy.host_batches import HostBatches
from bpframe.protocols import Batches, StepSums
from bpframe.types import HostArray


@final
class HostSums:
    """The sums of a block's steps. They are counts, so it is the same how many steps are looked at in one go."""

    _batches: Batches
    _kept: HostBatches

    def __init__(self, sums: StepSums) -> None:
        self._sums, self._parts = sums, list[HostArray]()
        self._start = self._next = 0  # the first batch of the block, and the first of which there are no sums

    def begin(self, kept: HostBatches, batches: Batches, start: int) -> None:
        """A block that begins with batch `start`; its scores will be among those that are `kept`, of one epoch."""
        self._kept, self._batches, self._parts = kept, batches, []
        self._start = self._next = start

    def take(self, stop: int) -> None:
        """The sums of batches before `stop` that have none yet; of a whole epoch before the next one's are kept."""
        batches, steps = self._batches, stop - self._next
        epoch, number = batches.at(self._next)
        first, end = number * batches.size, (number + steps) * batches.size
        rows = batches.order(epoch)[first:end]
        values = self._sums.on_host(self._kept.collected()[first : first + len(rows)], rows)
        starts = np.arange(0, len(rows), batches.size)
        self._parts.append(np.add.reduceat(values, starts, axis=0, dtype=np.float64))
        self._next = stop

    def of_steps(self, steps: int, kept: int) -> HostArray:
        """(steps, K) of the block's first steps, NaN of those whose scores are not among the first `kept`."""
        if self._next < self._start + kept:
            self.take(self._start + kept)
        lines = np.full((steps, self._sums.width), np.nan)
        known = np.concatenate(self._parts or [lines[:0]])
        lines[: len(known)] = known
        return lines
