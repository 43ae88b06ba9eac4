"""Batches of training data on the host, in NumPy, and the scores of each batch for training metrics.

Shapes: B rows of a batch out of N, C scores a row.
"""

from __future__ import annotations

from typing import Any, final

import numpy as np

from bpframe.network.gradients import Batch, weight_shares
from bpframe.ops import aligned
from bpframe.protocols import Batches, Data
from bpframe.types import HostArray


@final
class HostBatches:
    """Batches in arrays that serve every batch of their length; `collect`: keeps scores for metrics."""

    def __init__(self, data: Data, collect: bool, collected: HostArray | None = None, by_columns: bool = False) -> None:
        """`by_columns`: the scores of a class lie side by side, in which order labels are found faster."""
        self._collect, self._by_rows, self._by_columns = collect, data.by_rows, by_columns
        self._arrays: dict[str, Any] = {"x": data.x, "target": data.target, "weight": data.weight, "mask": data.counts}
        self._buffers: dict[tuple[str, int], HostArray] = {}
        self._scores = collected

    def batch(self, rows: HostArray) -> Batch:
        """The batch of these rows, valid until the next one."""
        x, target = self._take("x", rows), self._take("target", rows)
        if self._arrays["weight"] is None:
            return Batch(x, target, *weight_shares(len(rows)))
        weight = self._take("weight", rows)
        total, weight[...] = weight_shares(len(rows), weight, self._by_rows)
        mask = None if self._arrays["mask"] is None else self._take("mask", rows)
        return Batch(x, target, float(total), weight, mask)

    def _take(self, name: str, rows: HostArray) -> HostArray:
        """The rows (B, ...) of "x", "target", "weight" or "mask"."""
        array, key = self._arrays[name], (name, len(rows))
        buffer = self._buffers.get(key)
        if buffer is None:
            buffer = self._buffers[key] = aligned.empty((len(rows), *array.shape[1:]), array.dtype)
        batch: HostArray = array.take(rows, axis=0, out=buffer, mode="clip")  # the default mode would copy once more
        return batch

    def keep(self, batches: Batches, number: int, scores: HostArray) -> None:
        """Keep the scores (B, C) of the batch of this number in its epoch, if they are collected."""
        if not self._collect:
            return
        if self._scores is None or len(self._scores) != batches.length:
            self._scores = with_room(self._scores, batches.length, scores)
            if self._by_columns:
                self._scores = np.asfortranarray(self._scores)
        first = number * batches.size
        self._scores[first : first + len(scores)] = scores

    def collected(self) -> HostArray:
        """The scores of the latest epoch, in the order of its rows, (length, C)."""
        assert self._scores is not None
        return self._scores


def with_room(kept: HostArray | None, length: int, scores: Any) -> HostArray:
    """Room for the scores of so many rows, made like `scores`; begins with those that are kept already."""
    if kept is not None and len(kept) == length:
        return kept
    room = np.empty((length, *scores.shape[1:]), scores.dtype)
    if kept is not None:
        room[: len(kept)] = kept[:length]
    return room
