"""Thread table: from how many multiplications on several threads compute a product.

The table that bpframe ships is for OpenBLAS's kernels on common processors; another can be measured on a machine. An
engine has its table as arguments, so that locks, configs and checkpoints hold it: bits depend on it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from time import perf_counter
from typing import NamedTuple

import numpy as np

from bpframe.engine.numpy.blas import Blas
from bpframe.ops import thread_team
from bpframe.ops.host_products import parallel_matmul

SIZES = range(22, 29)  # of products that are measured, as powers of two
ROWS, ROUNDS = 256, 15
TEAM_GAIN, POOL_GAIN = 0.9, 0.75  # times of one thread; BLAS's threads wait in a loop, so they have to gain more
MIN_POOL = 2**24  # below which they lose too much where other programs compute
BUSY = 1.5  # times as long as the least a round takes in the mean, where other programs compute
NEVER = 2**62


class ThreadTable(NamedTuple):
    """The least products that a team shares, and that BLAS's own threads compute where no team can."""

    team_from: int
    pool_from: int


class ProductTimes(NamedTuple):
    """The least seconds of a product of so many multiplications on one thread, a team's, and BLAS's own.

    `slowed`: how many times as long a round took in the mean.
    """

    multiplications: int
    one: float
    team: float
    pool: float
    slowed: float = 1.0


_defaults: list[ThreadTable | None] = []  # the innermost of the blocks that hold


@contextmanager
def default_table(table: ThreadTable | None) -> Iterator[None]:
    """A block in which engines that are given no table have this one; None: the one that bpframe ships."""
    _defaults.append(table)
    try:
        yield
    finally:
        _defaults.pop()


def current_default() -> ThreadTable | None:
    """That of the innermost block; None outside of such blocks."""
    return _defaults[-1] if _defaults else None


def product_times(blas: Blas, team: int) -> list[ProductTimes]:
    """Times of products of each size, the least of some rounds in turn; a team of so many threads."""
    rng, found = np.random.default_rng(0), []
    for size in SIZES:
        n = round((2**size / ROWS) ** 0.5)
        a = rng.standard_normal((ROWS, n), dtype=np.float32)
        b = rng.standard_normal((n, n), dtype=np.float32)
        out = np.empty((ROWS, n), np.float32)
        ways = [_on(blas, 1, None, a, b, out), _on(blas, 1, team, a, b, out), _on(blas, sys.maxsize, None, a, b, out)]
        rounds = [[way() for way in ways] for _ in range(ROUNDS)]
        one, shared, pool = map(min, zip(*rounds, strict=True))
        mean = sum(map(sum, rounds)) / ROUNDS
        found.append(ProductTimes(2**size, one, shared, pool, mean / (one + shared + pool)))
    return found


def slowed(times: Sequence[ProductTimes]) -> float | None:
    """How many times as long as the least a round took, the median of the sizes; None where that is nothing unusual."""
    middle = float(np.median([time.slowed for time in times]))
    return middle if middle > BUSY else None


def table_of(times: Sequence[ProductTimes]) -> ThreadTable:
    """The least sizes from which on sharing gains enough at each that was measured."""
    team = [time.multiplications for time in times if time.team > TEAM_GAIN * time.one]
    pool = [time.multiplications for time in times if time.pool > POOL_GAIN * time.one]
    return ThreadTable(_after(team, times), max(MIN_POOL, _after(pool, times)))


def _after(losing: Sequence[int], times: Sequence[ProductTimes]) -> int:
    if not losing:
        return times[0].multiplications
    return NEVER if losing[-1] == times[-1].multiplications else 2 * losing[-1]


def _on(blas: Blas, limit: int, team: int | None, *product: np.ndarray) -> Callable[[], float]:
    def run() -> float:
        with blas.limited_to(limit), thread_team.thread_team(team or 1, least=0 if team else NEVER):
            parallel_matmul(*product)  # wakes threads, as a product before would
            start = perf_counter()
            parallel_matmul(*product)
            return perf_counter() - start

    return run
