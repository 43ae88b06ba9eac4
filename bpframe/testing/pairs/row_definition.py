"""The rows of a training by its definition: the batches of each epoch, and what each row weighs.

Shapes: x (N, ...), target (N, M), weight (N,); share (B,) of each row in the loss of a batch, or one number for all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, final

import numpy as np

from bpframe import random
from bpframe.protocols import BatchSampler, Data, Draws
from bpframe.protocols.implements import implements
from bpframe.testing.pairs.rule_definition import hyper
from bpframe.training.spec import TrainerSpec
from bpframe.types import HostArray

OTHER = 9.0  # what stands in rows that fill a batch up, of which nothing may be seen


@final
@dataclass(frozen=True)
class RowsByDefinition:
    """The rows of a fit, `size` a batch.

    `known`: the target as a sampler tells rows apart, with a column for each class (N, C), or its fields by name.
    """

    spec: TrainerSpec
    data: Data
    size: int
    known: HostArray | Mapping[str, HostArray]

    def batches(self, epoch: int) -> list[HostArray]:
        """The row numbers of each batch of an epoch."""
        sampler: Any = self.spec.sampler
        generator = random.host_generator(self.spec.seed, random.ORDER, epoch)
        weight = np.ones(len(self.data.x)) if self.data.weight is None else self.data.weight
        if sampler is None:
            return self._cut(random.permutation(generator, len(weight)))
        if implements(sampler, BatchSampler):
            return list(sampler.batches(generator, self.known, weight, self.size, epoch))
        if isinstance(sampler, Draws):
            return self._cut(sampler.epoch_rows(epoch, len(weight)))
        return self._cut(sampler.order(generator, self.known, weight))

    def weighed(self, rows: HostArray) -> tuple[Data, float, Any]:
        """(a batch, what its weighted losses are divided by where the mean weight is 1, each row's share of it)."""
        data, weight, whole = self.data.take(rows), self.data.weight, self.data.weight
        count = self.size if self.spec.pads and not self.spec.weights_by_batch else len(rows)
        if weight is None or whole is None:
            return data, float(count), 1 / count
        weight = weight[rows]
        if self.spec.weights_by_batch:
            return data, float(weight.sum()), weight / weight.sum()
        return data, float(count), weight / (count * whole.mean())

    def augmented(self, data: Data, share: Any, key: Any, made: int) -> tuple[Data, Any]:
        """(the rows that a step is made on, their shares); they draw and mix as in a batch that was filled up."""
        if not self.spec.augmentations:
            return data, share
        own = len(data.x)
        x, target = data.x, data.target
        if self.spec.pads:
            x, target = (self._filled_up(array, OTHER) for array in (x, target))
            share = self._filled_up(np.full(own, share) if np.ndim(share) == 0 else share, 0.0)
        for i, part in enumerate(self.spec.augmentations):
            weight = share * len(x) if np.ndim(share) else None
            made_of: Any = part.augment(x, target, weight, key.child(f"augmentations[{i}]"), hyper(part, made))
            x, target, new = made_of
            share = share if new is weight else new / len(x)
        return replace(data, x=x[:own], target=target[:own]), share[:own] if np.ndim(share) else share

    def _filled_up(self, array: HostArray, value: float) -> HostArray:
        """The array with so many more rows of a value that a batch is full."""
        more: Sequence[int] = (self.size - len(array), *array.shape[1:])
        return np.concatenate([array, np.full(more, value)])

    def _cut(self, order: Any) -> list[HostArray]:
        """An order in batches."""
        return [np.asarray(order[i : i + self.size]) for i in range(0, len(order), self.size)]
