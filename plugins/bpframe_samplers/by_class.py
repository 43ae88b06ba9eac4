"""Batches of a few rows of each of several classes.

Shapes: target (N, C), a column a class, or (N, 1); weight (N,).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from bpframe.plugin import DataError, HostArray, checks, permutation


@final
@dataclass(frozen=True)
class ByClass:
    """A batch of B rows has `rows` of each of B / rows classes: what a loss that compares rows of classes needs.

    The rows of a class are cut into parts of `rows`, in a new order each epoch; the last part is filled up with rows of
    the same class. A batch takes parts of different classes, of those with most parts left, so that an epoch has every
    row once or, at the end of a class, twice. Classes are those of a column each, or the values of one column; of a
    loss of fields those of the `field`. With few classes batches are short of rows, which are filled up with rows that
    do not count.
    Source: Hermans, Beyer and Leibe (2017), In defense of the triplet loss, arXiv:1703.07737, section 2 (PK batches).
    """

    rows: int = 4
    field: str = "label"

    def __post_init__(self) -> None:
        checks.whole("by_class", 1, rows=self.rows)

    def batches(
        self, rng: np.random.Generator, target: Any, weight: HostArray, size: int, epoch: int
    ) -> list[HostArray]:
        """Row numbers of each batch, `rows` a class; DataError where a batch has no room for them."""
        if self.rows > size:
            raise DataError(f"by_class needs batches of at least {self.rows} rows, got batch_size {size}.")
        numbers = _class_numbers(target.get(self.field) if isinstance(target, Mapping) else target)
        parts = [self._parts(rng, np.flatnonzero(numbers == k)) for k in range(numbers.max() + 1)]
        batches = []
        while any(parts):
            left = sorted(permutation(rng, len(parts)).tolist(), key=lambda k: -len(parts[k]))
            batches.append(np.concatenate([parts[k].pop() for k in left[: size // self.rows] if parts[k]]))
        return batches

    def _parts(self, rng: np.random.Generator, rows: HostArray) -> list[HostArray]:
        """The rows of a class, `rows` a part."""
        count = -(-len(rows) // self.rows)
        order = rows[permutation(rng, len(rows))]
        return list(np.resize(order, (count, self.rows)))

    @classmethod
    def example_configs(cls) -> list[dict[str, Any]]:
        """Two rows a class, and one."""
        return [{"rows": 2}, {"rows": 1}]


def _class_numbers(target: Any) -> HostArray:
    """(N,) numbers of the classes that encoded targets stand for."""
    if not isinstance(target, np.ndarray) or target.ndim != 2:
        raise DataError("by_class needs one class a row, but the targets have other fields, or several positions.")
    if target.shape[1] == 1:
        return np.unique(target[:, 0], return_inverse=True)[1].reshape(-1)
    if not np.isin(target, (0, 1)).all() or not (target.sum(axis=1) == 1).all():
        raise DataError("by_class needs one class a row, but the targets are quantities or several labels a row.")
    return np.unique(target.argmax(axis=1), return_inverse=True)[1].reshape(-1)
