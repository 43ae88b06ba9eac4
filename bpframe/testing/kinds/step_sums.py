"""The law of sessions that take sums over the rows of their steps.  Shapes: scores (B, C), target (B, C) one-hot."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import final

import numpy as np

from bpframe import ops
from bpframe.protocols import Batches, Session
from bpframe.testing.laws.comparison import require, require_close
from bpframe.types import Array, HostArray

TOLERANCE = 1e-4  # of float32


@final
@dataclass(frozen=True)
class ScoreSums:
    """Sums of the scores of the true class, and of rows; a row is doubtful whose target is of class `doubt`."""

    doubt: int
    key: Hashable = "scores"
    width: int = 2
    exact: bool = True

    def row_values(self, scores: Array, target: Array) -> Array:
        """(B, 3)."""
        xp = ops.namespace(scores)
        own = xp.sum(scores * target, axis=1)
        return xp.stack([own, xp.ones_like(own), target[:, self.doubt]], axis=1)

    def on_host(self, scores: HostArray, target: HostArray) -> HostArray:
        """(2,) the negative of both, by which the call is known."""
        return -np.array([(scores * target).sum(), len(scores)])


def require_sums(session: Session, batches: Batches, target: HostArray) -> None:
    """Each step has the sums of its rows, or those made on the host where a row is doubtful, however blocks are cut.

    The session takes `ScoreSums(1)`."""
    sums, stop = ScoreSums(1), batches.steps
    for start, end in ((0, 1), (1, stop)):
        made: list[HostArray] = []
        while len(made) < end - start:
            losses = session.run(batches, start + len(made), end)
            require(losses.sums is not None, "run must report the sums that it was asked for")
            made += list(np.asarray(losses.sums))
        for i, found in enumerate(made, start):
            rows = batches.rows(i)
            first = batches.at(i)[1] * batches.size
            scores = session.collected()[first : first + len(rows)]
            doubtful = target[rows][:, sums.doubt].any()
            want = sums.on_host(scores, target[rows]) * (1 if doubtful else -1)
            require_close(f"the sums of step {i}", found, want, TOLERANCE, TOLERANCE)
