"""Batches of whole groups.  Shapes: target a mapping, the field (N, 1) in it; weight (N,)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from bpframe.plugin import DataError, HostArray, permutation


@final
@dataclass(frozen=True)
class Grouped:
    """Each batch holds whole groups: rows of one value of the `field` of the target, as those of one query.

    Groups come in a new order each epoch, and fill a batch as long as the next one fits. A group of more rows than a
    batch may have makes batches of its own. What a batch is short of is filled up with rows that do not count.
    Source: customary in learning to rank; Burges et al. (2005), Learning to rank using gradient descent, take a query
    at a time.
    """

    field: str = "query"

    def batches(
        self, rng: np.random.Generator, target: Mapping[str, HostArray], weight: HostArray, size: int, epoch: int
    ) -> list[HostArray]:
        """Row numbers of each batch, whole groups in each; DataError for a target without that field."""
        if not isinstance(target, Mapping) or self.field not in target:
            got = f"the fields {list(target)}" if isinstance(target, Mapping) else "no fields"
            raise DataError(f"grouped needs a loss with the field '{self.field}' in its target, got {got}.")
        numbers = np.unique(target[self.field][:, 0], return_inverse=True)[1].reshape(-1)
        groups = [np.flatnonzero(numbers == k) for k in range(numbers.max() + 1)]
        batches: list[list[HostArray]] = []
        room = 0
        for group in (groups[k] for k in permutation(rng, len(groups))):
            for part in (group[i : i + size] for i in range(0, len(group), size)):
                if len(part) > room:
                    batches.append([])
                    room = size
                batches[-1].append(part)
                room -= len(part)
        return [np.concatenate(parts) for parts in batches]

    def example(self, rng: np.random.Generator) -> tuple[dict[str, Any], HostArray]:
        """Rows of five groups, and their weights."""
        return {self.field: np.arange(12)[:, None] % 5 * 1.0}, np.ones(12)
