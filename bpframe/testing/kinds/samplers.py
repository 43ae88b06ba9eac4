"""The laws of samplers: row numbers, drawn from the generator in the argument.  target (N, C), weight (N,)."""

from __future__ import annotations

from functools import partial

import numpy as np

from bpframe.protocols import Sampler
from bpframe.testing.laws.comparison import require
from bpframe.testing.laws.purity import call_read_only, determinism_check
from bpframe.testing.report import Check
from bpframe.types import HostArray

ROWS = 12


def sampler_checks(sampler: Sampler) -> dict[str, Check]:
    """The checks by name."""
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
            order = _order(sampler, rows, seed)
            numbers = isinstance(order, np.ndarray) and order.ndim == 1 and order.dtype.kind in "iu"
            require(numbers, f"the order must be a vector of whole numbers, got {order!r}")
            inside = order.size and order.min() >= 0 and order.max() < rows
            require(inside, f"row numbers of {rows} rows must lie in 0 .. {rows - 1}, got {order}")


def _purity(sampler: Sampler) -> None:
    call_read_only(
        "order", lambda target, weight: sampler.order(np.random.default_rng(0), target, weight), *_data(ROWS)
    )
