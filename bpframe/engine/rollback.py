"""The steps made since a point to return to."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import final

from bpframe.protocols import Batches

SECONDS = 0.5  # how old a point to return to may become: the longest replay


@final
class Steps:
    """Steps in their order, each a batch of some epochs by its number; neighbours are kept as one range.

    `began`: when the point was made, now if left out.
    """

    def __init__(self, began: float | None = None) -> None:
        self.began = time.perf_counter() if began is None else began
        self._ranges: list[tuple[Batches, range]] = []

    @property
    def old(self) -> bool:
        """Whether it is time for a new point, since these may take too long to be made again."""
        return self.began + SECONDS < time.perf_counter()

    def add(self, batches: Batches, start: int, stop: int) -> None:
        """Note the steps start .. stop - 1."""
        if self._ranges:
            last, made = self._ranges[-1]
            if last is batches and made.stop == start:
                self._ranges[-1] = batches, range(made.start, stop)
                return
        self._ranges.append((batches, range(start, stop)))

    @property
    def ranges(self) -> list[tuple[Batches, range]]:
        """The batches of each run of neighbours, and their numbers."""
        return list(self._ranges)

    def __iter__(self) -> Iterator[tuple[Batches, int]]:
        return ((batches, i) for batches, made in self._ranges for i in made)
