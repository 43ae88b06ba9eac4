"""Batches on their way to a device, a block of steps at a time.

Either the rows of a block are gathered on the host in their order, those of the next block while the device works on
this one; or all rows stay on the device and only their numbers travel.
Shapes: B rows of a batch, a block of at most T steps; x (N, ...), target (N, C), weight and mask (N,), (N, *S) or None.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple, final

import numpy as np

from bpframe.engine.jax.device import Device
from bpframe.ops import aligned
from bpframe.protocols import Batches, Data
from bpframe.random import epoch_key
from bpframe.types import HostArray

LENGTH = 1024  # steps of a block at most
DATA = 4  # the arrays of a DeviceBatch that are data
BYTES = 2**25  # that the rows of a block may take on the host
SCORES = 2**26  # numbers that the scores of a block may have, where they are kept


class DeviceBatch(NamedTuple):
    """What a block is trained on. Arrays have room for T steps; those behind the last step are never read.

    x (T B, ...), target, weight, mask: rows in their order; or all rows, and `rows` (T B,) says which.
    keys (T, 3): of each step the two words of its epoch's key, and its number in the epoch.
    """

    x: Any
    target: Any
    weight: Any
    mask: Any
    rows: Any
    keys: Any


class _Block(NamedTuple):
    batches: Batches
    start: int
    stop: int
    arrays: DeviceBatch


@final
class Stream:
    """Hands out blocks of the training data; two at a time are in memory, one that is read and one that is next."""

    def __init__(self, data: Data, seed: int, device: Device, resident: bool, scores: int = 0) -> None:
        """With `resident` all rows go to the device at once. `scores`: numbers that are kept of each row."""
        self._most = SCORES // scores if scores else 0  # rows whose scores may be kept
        self._host = DeviceBatch(data.x, data.target, data.weight, data.counts, None, None)
        self._resident: DeviceBatch | None = device.put(self._host) if resident else None
        self._send = device.send
        self._words = lru_cache(maxsize=1)(lambda epoch: epoch_key(seed, epoch))
        self._rings: dict[int, list[DeviceBatch]] = {}
        self._next: _Block | None = None

    def room(self, size: int) -> int:
        """T for batches of `size` rows."""
        most = min(LENGTH, max(1, self._most // size)) if self._most else LENGTH
        if self._resident is not None:
            return most
        row: int = sum(part[:1].nbytes for part in self._host[:DATA] if part is not None)
        return min(most, max(1, BYTES // (row * size)))

    def block(self, batches: Batches, start: int, stop: int) -> tuple[DeviceBatch, int]:
        """(rows of the steps from `start` on, the step before which they end)."""
        block = self._next
        if block is None or block.batches is not batches or block.start != start:
            block = self._filled(batches, start, stop)
        self._next = None
        return block.arrays, min(stop, block.stop)

    def prepare(self, batches: Batches, start: int, stop: int) -> None:
        """Gather a block that is to come, into memory that the one being read does not use."""
        self._next = self._filled(batches, start, stop)

    def _filled(self, batches: Batches, start: int, stop: int) -> _Block:
        """Steps start .. stop - 1, of which the last may be smaller."""
        size = min(batches.size, batches.length)
        stop = min(stop, start + self.room(size))
        ring = self._rings.setdefault(size, [])
        buffers = ring.pop(0) if len(ring) == 2 else self._empty(size)
        ring.append(buffers)
        i = start
        while i < stop:  # epoch by epoch
            epoch, number = batches.at(i)
            steps = min(batches.steps - number, stop - i)
            rows = batches.order(epoch)[number * batches.size : (number + steps) * batches.size]
            self._gather(rows, buffers, slice((i - start) * size, (i - start) * size + len(rows)))
            key, part = self._words(epoch), buffers.keys[i - start : i - start + steps]
            part[:, 0], part[:, 1], part[:, 2] = key.a, key.b, np.arange(number, number + steps)
            i += steps
        sent = DeviceBatch(*(None if part is None else self._send(part) for part in buffers))
        return _Block(
            batches, start, stop, sent if self._resident is None else DeviceBatch(*self._resident[:DATA], *sent[DATA:])
        )

    def _gather(self, rows: HostArray, buffers: DeviceBatch, place: slice) -> None:
        if self._resident is not None:
            buffers.rows[place] = rows
            return
        for part, buffer in zip(self._host[:DATA], buffers[:DATA], strict=True):
            if part is not None:
                np.take(part, rows, axis=0, out=buffer[place], mode="clip")  # the default mode would copy once more

    def _empty(self, size: int) -> DeviceBatch:
        room = self.room(size)
        keys = aligned.empty((room, 3), np.uint32)
        if self._resident is not None:
            return DeviceBatch(None, None, None, None, aligned.empty((room * size,), np.int32), keys)
        x, target, weight, mask = (
            None if part is None else aligned.empty((room * size, *part.shape[1:]), part.dtype)
            for part in self._host[:DATA]
        )
        return DeviceBatch(x, target, weight, mask, None, keys)
