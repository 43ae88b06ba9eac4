"""Ends of epochs: the parameters after each epoch that a block of steps passes, kept by its compiled loop.

Shapes: of E epochs at most, a leaf (...) of the parameters is kept as (E, ...); rows x (N, ...), scores (N, ...).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, final

import numpy as np

from bpframe import tree
from bpframe.engine.rollback import RollbackPoint
from bpframe.protocols import Batches
from bpframe.types import HostArray, Params

MOST = 64  # epochs of a block
BYTES = 2**24  # that their parameters may take: each block begins by writing zeros there
STOP_BYTES = 2**21  # the same where a hook may stop the fit at an epoch, so that blocks are short
STOP_SECONDS = 0.05  # of a block of several epochs then: so much work a stop may undo

EndScores = Callable[[Any, int], HostArray]  # (kept parameters, epochs) to scores (E, N, ...)


@final
class EpochEnds:
    """The ends of epochs in the latest block, if there is `room` for those of several.

    `x`: rows whose scores at each end are asked for, which `scores` gives for all ends in one call; `stops`: whether a
    hook may stop the fit at one.
    """

    def __init__(
        self,
        params: Params | None = None,
        x: HostArray | None = None,
        scores: EndScores | None = None,
        stops: bool = True,
    ) -> None:
        """For parameters like these; None: nothing is kept."""
        size = sum(leaf.nbytes for _, leaf in tree.leaves(params or {}))
        room = min(MOST, (STOP_BYTES if stops else BYTES) // size) if size else 0
        self.room, self._stops = room if room > 1 else 0, stops
        self.point: RollbackPoint | None = None  # before the block
        self._x, self._score = x, scores
        self._steps: list[int] = []  # at which an epoch ended
        self._kept: Any = {}
        self._scores: HostArray | None = None
        self._slot: int | None = None  # of the end that is shown

    def limit(self, batches: Batches, start: int, stop: int, seconds: float | None) -> int:
        """The step before which a block from `start` on ends, where a step takes so many seconds."""
        if not self.room:
            return stop
        first = batches.at(start)[1]
        steps = self.room * batches.steps - first
        if self._stops:
            steps = min(steps, max(batches.steps - first, int(STOP_SECONDS / seconds) if seconds else 1))
        return min(stop, start + steps)

    def take(self, kept: Any, batches: Batches, steps: range, step: int, point: RollbackPoint) -> None:
        """Those of a block of these steps of a run, the last of which led to `step`."""
        if not self.room:
            return
        first = steps.start - batches.at(steps.start)[1] + batches.steps
        self._steps = [step - steps.stop + end for end in range(first, steps.stop + 1, batches.steps)]
        self._kept, self._scores, self.point = kept, None, point

    def show(self, step: int | None) -> bool:
        """Show the end after `step` steps; False where no epoch of the latest block ended there."""
        self._slot = self._steps.index(step) if step in self._steps else None
        return self._slot is not None

    @property
    def step(self) -> int | None:
        """That of the end that is shown."""
        return None if self._slot is None else self._steps[self._slot]

    @property
    def params(self) -> Params:
        """Views of the parameters at the end that is shown, on the host."""
        return tree.transform(self._kept, lambda leaf: np.asarray(leaf)[self._slot])

    def scores(self, x: HostArray) -> HostArray | None:
        """A copy of the scores of rows x at the end that is shown; None for other rows than those asked for."""
        if self._slot is None or x is not self._x or self._score is None:
            return None
        if self._scores is None:
            self._scores = self._score(self._kept, len(self._steps))
        own: HostArray = self._scores[self._slot].copy()
        return own
