"""The steps made since a point to return to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import final

from bpframe.protocols import Batches


@final
class Steps:
    """Steps in their order, each a batch of some epochs by its number; neighbours are kept as one range."""

    def __init__(self) -> None:
        self._ranges: list[tuple[Batches, range]] = []

    def add(self, batches: Batches, start: int, stop: int) -> None:
        """Note the steps start .. stop - 1."""
        if self._ranges:
            last, made = self._ranges[-1]
            if last is batches and made.stop == start:
                self._ranges[-1] = batches, range(made.start, stop)
                return
        self._ranges.append((batches, range(start, stop)))

    def __iter__(self) -> Iterator[tuple[Batches, int]]:
        return ((batches, i) for batches, made in self._ranges for i in made)
