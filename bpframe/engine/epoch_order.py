"""The order of rows in each epoch: that of a sampler, shuffled, or as they stand.  Row numbers (n,)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

import numpy as np

from bpframe import random
from bpframe.data.arrays import read_only
from bpframe.errors import DataError
from bpframe.protocols import BatchSampler, Data, Draws, Sampler
from bpframe.protocols.implements import implements
from bpframe.registry import registry
from bpframe.registry.describe import title
from bpframe.types import HostArray


def epoch_order(
    seed: int,
    data: Data,
    shuffle: bool,
    sampler: Sampler | BatchSampler | None,
    size: int = 1,
    fields: Mapping[str, HostArray] | None = None,
) -> Callable[[int], HostArray]:
    """The row numbers of each epoch in their order, by its number; they depend on seed, epoch and data alone.

    A sampler of batches, of `size` rows at most, is given the `fields` of targets, if there are any; where its batches
    are shorter, row number n fills them up, which stands behind those of the data.
    """
    n = len(data.x)
    draws = sampler if sampler is not None and implements(sampler, Draws) else None
    lengths: set[int] = set()

    @lru_cache(maxsize=1)  # the latest is kept
    def order(epoch: int) -> HostArray:
        if draws is not None:
            rows = _checked(draws, draws.epoch_rows(epoch, n), n)
            lengths.add(len(rows))
            if len(lengths) > 1:
                who = title(registry, "sampler", draws)
                raise DataError(f"{who} needs to give as many rows for every epoch, got {sorted(lengths)}.")
            return rows
        if sampler is None and not shuffle:
            return np.arange(n)
        generator = random.host_generator(seed, random.ORDER, epoch)
        if sampler is None:
            return random.permutation(generator, n)
        weight = np.ones(n) if data.weight is None else data.weight
        facts = read_only(data.target), read_only(weight.reshape(n, -1).mean(axis=1) if weight.ndim > 1 else weight)
        if implements(sampler, BatchSampler):
            return _filled_up(sampler, sampler.batches(generator, fields or facts[0], facts[1], size, epoch), n, size)
        return _checked(sampler, sampler.order(generator, *facts), n)

    return order


def _filled_up(sampler: object, batches: Sequence[HostArray], n: int, size: int) -> HostArray:
    """The rows of batches one after the other, each with row number n as often as `size` rows need."""
    rows = np.full((len(batches), size), n)
    for k, batch in enumerate(batches):
        own = _checked(sampler, batch, n)
        if len(own) > size:
            who = title(registry, "sampler", sampler)
            raise DataError(f"{who} needs to give batches of at most {size} rows, got {len(own)}.")
        rows[k, : len(own)] = own
    if not rows.size:
        raise DataError(f"{title(registry, 'sampler', sampler)} needs to give at least one batch, got none.")
    return rows.reshape(-1)


def remedy_for_other_rows(order: Callable[[int], HostArray], epoch: int, n: int) -> str | None:
    """What to leave out where that epoch has other rows than the next; None where it has all n, or the same."""
    first = np.sort(order(epoch))
    if np.array_equal(first, np.arange(n)) or np.array_equal(first, np.sort(order(epoch + 1))):
        return None
    return "leave out the sampler, which gives other rows in each epoch"


def _checked(sampler: object, given: object, n: int) -> HostArray:
    """The row numbers that a sampler gave; DataError where they are none."""
    rows = np.asarray(given)
    if rows.ndim != 1 or rows.dtype.kind not in "iu" or not rows.size or np.maximum.reduce(_unsigned(rows)) >= n:
        who = title(registry, "sampler", sampler)
        raise DataError(f"{who} needs to give row numbers from 0 to {n - 1}, got {rows!r}.")
    return rows


def _unsigned(rows: HostArray) -> HostArray:
    """Numbers below 0 as very large ones."""
    return rows.view(f"u{rows.itemsize}")
