"""The laws of samplers: row numbers, drawn from the generator in the argument.  target (N, C), weight (N,).

A sampler of batches may have `example(rng) -> (target, weight)`, rows of its domain, fields by name too.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from bpframe.protocols import BatchSampler, Sampler
from bpframe.protocols.implements import implements
from bpframe.testing.laws.comparison import require
from bpframe.testing.laws.purity import call_read_only, determinism_check
from bpframe.testing.report import Check
from bpframe.types import HostArray

ROWS = 12
SIZES = (4, 5, ROWS)  # of batches


def sampler_checks(sampler: Sampler | BatchSampler) -> dict[str, Check]:
    """The checks by name."""
    if implements(sampler, BatchSampler):
        return {
            "batches": partial(_batches, sampler),
            "purity": partial(_purity_of_batches, sampler),
            "determinism": partial(determinism_check(sampler), partial(_flat_batches, sampler)),
        }
    return {
        "rows": partial(_rows, sampler),
        "purity": partial(_purity, sampler),
        "determinism": partial(determinism_check(sampler), partial(_order, sampler)),
    }


def _data(rows: int) -> tuple[HostArray, HostArray]:
    """(one-hot targets of three unequal classes, weights)."""
    return np.eye(3)[[min(2, i % 5) for i in range(rows)]], np.linspace(0.5, 2.0, rows)


def _order(sampler: Sampler, rows: int = ROWS, seed: int = 0) -> HostArray:
    order: HostArray = sampler.order(np.random.default_rng(seed), *_data(rows))
    return order


def _rows(sampler: Sampler) -> None:
    """A vector of integers from 0 to N - 1."""
    for rows in (ROWS, 1, 2):
        for seed in range(3):
            _require_rows("the order", _order(sampler, rows, seed), rows)


def _purity(sampler: Sampler) -> None:
    call_read_only(
        "order", lambda target, weight: sampler.order(np.random.default_rng(0), target, weight), *_data(ROWS)
    )


def _require_rows(what: str, rows: Any, n: int) -> None:
    """A vector of integers from 0 to n - 1, not empty."""
    numbers = isinstance(rows, np.ndarray) and rows.ndim == 1 and rows.dtype.kind in "iu"
    require(numbers, f"{what} must be a vector of whole numbers, got {rows!r}")
    inside = rows.size and rows.min() >= 0 and rows.max() < n
    require(inside, f"{what}: row numbers of {n} rows must lie in 0 .. {n - 1}, got {rows}")


def _example(sampler: Any) -> tuple[Any, HostArray]:
    """(target, weight) of the sampler's own example, if it has one."""
    own = getattr(sampler, "example", None)
    return _data(ROWS) if own is None else own(np.random.default_rng(0))


def _made(sampler: BatchSampler, size: int, epoch: int = 0) -> list[HostArray]:
    return list(sampler.batches(np.random.default_rng(epoch), *_example(sampler), size, epoch))


def _flat_batches(sampler: BatchSampler) -> HostArray:
    return np.concatenate(_made(sampler, SIZES[0]))


def _batches(sampler: BatchSampler) -> None:
    """At least one batch, each a vector of 1 to `size` row numbers."""
    n = len(_example(sampler)[1])
    for size in SIZES:
        for epoch in range(3):
            batches = _made(sampler, size, epoch)
            require(batches, "an epoch must have a batch, got none")
            for k, batch in enumerate(batches):
                _require_rows(f"batch {k} of epoch {epoch}", batch, n)
                require(len(batch) <= size, f"batch {k} must have at most {size} rows, got {len(batch)}")


def _purity_of_batches(sampler: BatchSampler) -> None:
    def made(target: Any, weight: HostArray) -> Any:
        return sampler.batches(np.random.default_rng(0), target, weight, SIZES[0], 0)

    call_read_only("batches", made, *_example(sampler))
