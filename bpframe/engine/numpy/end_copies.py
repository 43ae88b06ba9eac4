"""End copies: the parameters after each epoch of a block of steps, which are looked at when the block is made."""

from __future__ import annotations

from typing import final

import numpy as np

from bpframe import tree
from bpframe.engine.rollback import RollbackPoint
from bpframe.types import Params

LARGEST = 2**16  # bytes of parameters: copies of more cost as much as the end of a block


@final
class EndCopies:
    """Copies of the parameters to predict with at the ends of the latest block's epochs."""

    def __init__(self) -> None:
        self.point: RollbackPoint | None = None  # before the block
        self.shown: Params | None = None
        self._kept: dict[int, Params] = {}  # by the step at which an epoch ended

    def begin(self, point: RollbackPoint) -> None:
        """Forget those of the block before."""
        self._kept, self.point = {}, point

    def keep(self, step: int, params: Params) -> None:
        """An epoch ends at `step`, with these parameters."""
        self._kept[step] = tree.transform(params, np.array)

    def show(self, step: int | None) -> bool:
        """Whether an epoch of the block ended there; its parameters are `shown` then, else none."""
        self.shown = None if step is None else self._kept.get(step)
        return self.shown is not None


def are_small(params: Params) -> bool:
    """Whether these are worth a copy."""
    return bool(sum(leaf.nbytes for _, leaf in tree.leaves(params)) <= LARGEST)
