"""Threads of products: one, those of a team, or BLAS's own, by the shapes of a network and its batches.

BLAS's threads wait for each other, and for the next product, in busy loops. Where other programs compute, too, one of
them has no CPU now and then, and the others wait for it as long: a product takes ten times as long as on one thread. A
team's threads sleep, and one that comes late leaves its part to the others (`bpframe.ops.thread_team`). So one thread
computes products too small to share, a team larger ones of bpframe's own layers, and BLAS's threads only what no team
can share, where they gain most. Bits depend on the threads of a product. These follow from shapes and from the number
of threads that BLAS has, which locks and checkpoints hold; never from what else runs.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from typing import final

from bpframe import checks, tree
from bpframe.engine.numpy.blas import Blas, environment_keeps, process_blas
from bpframe.errors import ConfigError
from bpframe.network.guards import is_foreign
from bpframe.network.network import Network
from bpframe.ops import thread_team
from bpframe.types import Params

ALONE = 2**13  # multiplications, and numbers of a vector, that no BLAS shares: a bound would only cost time
MIN_POOL = 2**26  # multiplications of a product, from which BLAS's threads gain enough to be worth their waiting
MOST = 4  # threads of a team; with more of them Python's lock would keep them waiting

_UNBOUND = nullcontext()


@final
@dataclass(frozen=True, eq=False, repr=False)
class ProductThreads:
    """For a network of `numbers` parameters, the largest of which has `largest` of them.

    `blas` None: its threads cannot be set; `most`: a user's bound; `team_from`, `pool_from`: a table of its own.
    """

    network: Network
    blas: Blas | None
    numbers: int
    largest: int
    most: int | None = None
    team_from: int | None = None
    pool_from: int | None = None

    @classmethod
    def of(
        cls, network: Network, parameters: Params, most: int | None, table: tuple[int | None, int | None] = (None, None)
    ) -> ProductThreads:
        """Those of a network on at most so many threads; ConfigError where a bound cannot be kept."""
        if most is not None:
            checks.whole("The engine numpy", 1, threads=most)
        blas: Blas | None = None
        try:
            blas = process_blas()
        except ConfigError:
            if most is not None and not environment_keeps(most):
                raise
        sizes = [leaf.size for _, leaf in tree.leaves(parameters)]
        return cls(network, blas, sum(sizes), max(sizes, default=0), most, *table)

    def block(self, rows: int) -> AbstractContextManager[None]:
        """A block that computes on batches of so many rows."""
        blas, multiplications = self.blas, rows * self.largest
        if blas is None:
            return _UNBOUND
        if max(multiplications, self.numbers) < ALONE and self.most is None and self._shareable:
            return _UNBOUND
        shared = (self.team_from or thread_team.MIN_MULTIPLICATIONS) <= multiplications
        pooled = self._is_pooled(multiplications)
        if not (shared or pooled or self.numbers >= thread_team.MIN_UPDATE):
            return blas.limited_to(1)
        threads = self._most(blas)
        if pooled and not (1 < threads <= MOST and self._shareable):
            return blas.limited_to(self.most or sys.maxsize)
        if threads > 1 and self._shareable:
            return _team_block(blas, min(threads, MOST), self.team_from)
        return blas.limited_to(1)

    def chunks(self, rows: int, size: int) -> AbstractContextManager[None]:
        """A block that evaluates so many rows, `size` of them at a time: several chunks are a team's, one each.

        Where other threads of the process compute, they have the CPUs already: one thread, and the same bits.
        """
        blas = self.blas
        if rows <= size or blas is None or not self._shareable:
            return self.block(min(rows, size))
        threads = self._most(blas)
        if threads == 1 or (threads > MOST and self._is_pooled(size * self.largest)):
            return self.block(size)
        return blas.limited_to(1) if blas.others_compute() else _team_block(blas, min(threads, MOST), self.team_from)

    def _is_pooled(self, multiplications: int) -> bool:
        return (self.pool_from or MIN_POOL) <= multiplications

    def _most(self, blas: Blas) -> int:
        return blas.free if self.most is None else min(self.most, blas.free)

    @cached_property
    def _shareable(self) -> bool:
        """Whether all products are those of bpframe's layers, which ask a team to share them."""
        return not any(is_foreign("layer", layer) for _, layer in self.network.layers)


@contextmanager
def _team_block(blas: Blas, size: int, least: int | None) -> Iterator[None]:
    with blas.limited_to(1), thread_team.thread_team(size, least):
        yield
