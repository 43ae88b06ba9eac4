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


@final
@dataclass(frozen=True)
class ScoreSums:
    """How many scores of the true class are above 0, and rows; a row is doubtful whose target is of class `doubt`."""

    target: HostArray
    doubt: int = 1
    key: Hashable = "scores"
    width: int = 2
    exact: bool = True
    counts: bool = True

    def row_values(self, scores: Array, target: Array) -> Array:
        """(B, 3)."""
        xp = ops.namespace(scores)
        own = xp.sum(scores * target, axis=1)
        doubt = target[:, self.doubt]  # with it, values are wrong
        return xp.stack([xp.astype(own > 0, own.dtype) + doubt, xp.ones_like(own), doubt], axis=1)

    def on_host(self, scores: HostArray, rows: HostArray) -> HostArray:
        """(n, 2)."""
        own = (scores * self.target[rows]).sum(axis=1) > 0
        return np.stack([own, np.ones_like(own)], axis=1)


def require_sums(session: Session, batches: Batches, target: HostArray) -> None:
    """Each step has the sums of its rows, or those made on the host where a row is doubtful, however blocks are cut.

    The session takes `ScoreSums(target)`."""
    sums, stop = ScoreSums(target), batches.steps
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
            require_close(f"the sums of step {i}", found, sums.on_host(scores, rows).sum(axis=0), 0.0)
