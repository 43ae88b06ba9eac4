"""Row shuffling by a RandomState, in the order that scikit-learn draws."""

from __future__ import annotations

from typing import final

import numpy as np

from bpframe.types import HostArray


@final
class RowShuffler:
    """Shuffles the previous epoch's order by a RandomState, epoch after epoch, as scikit-learn does.

    An epoch's order depends on the initial state, the epoch and the number of rows alone: an earlier epoch is drawn
    again from a copy of that state, with the same result.
    """

    def __init__(self, random: np.random.RandomState, first: int) -> None:
        self._random, self._first, self._start = random, first, random.get_state()
        self._epoch, self._rows = first - 1, np.empty(0, np.intp)

    def epoch_rows(self, epoch: int, n: int) -> HostArray:
        """Row numbers (n,) of an epoch."""
        if epoch <= self._epoch - 1 or (epoch == self._epoch and len(self._rows) != n):
            return self._anew(epoch, n)
        if self._epoch < self._first:
            self._rows = np.arange(n)
        while self._epoch < epoch:
            self._rows = _shuffled(self._rows, self._random)
            self._epoch += 1
        return self._rows

    def _anew(self, epoch: int, n: int) -> HostArray:
        random, rows = np.random.RandomState(), np.arange(n)
        random.set_state(self._start)
        for _ in range(self._first, epoch + 1):
            rows = _shuffled(rows, random)
        return rows


def _shuffled(rows: HostArray, random: np.random.RandomState) -> HostArray:
    """The draws of `sklearn.utils.shuffle`."""
    return rows.take(random.permutation(len(rows)))
