"""The laws of ranges and domains: what a component gives lies in the range that it declares, examples in the domain."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from bpframe.protocols.number_sets import SIMPLEX, SIMPLICES, Interval
from bpframe.protocols.traits import domain_of, range_of
from bpframe.testing.laws.comparison import require
from bpframe.testing.report import Check
from bpframe.types import HostArray


def range_checks(part: object, outputs: Callable[[], HostArray]) -> dict[str, Check]:
    """The check of the range that an activation or layer declares, if it does."""
    declared = range_of(part)
    return {} if declared is None else {"range": partial(_require_inside, "outputs", declared, outputs)}


def domain_checks(loss: object, scores: HostArray) -> dict[str, Check]:
    """The check of the domain that a loss declares, if it does."""
    declared, what = domain_of(loss), "scores of the example"
    return {} if declared is None else {"domain": partial(_require_inside, what, declared, lambda: scores)}


def _require_inside(what: str, declared: str, numbers: Callable[[], HostArray]) -> None:
    """All numbers lie in the set, whose open ends rounding may reach."""
    low, high, *_ = Interval.of(declared)
    array = np.asarray(numbers())
    array = array[np.isfinite(array).all(axis=-1)] if declared in (SIMPLEX, SIMPLICES) else array[np.isfinite(array)]
    slack = 1e-12 * max([1.0, *(abs(end) for end in (low, high) if np.isfinite(end))])
    inside = bool(np.all((array >= low - slack) & (array <= high + slack)))
    require(inside, f"{what} must lie in {declared}, got {array.min():g} to {array.max():g}" if not inside else "")
    if declared in (SIMPLEX, SIMPLICES):
        sums, wanted = array.sum(axis=-1), "1" if declared == SIMPLEX else "whole numbers"
        sizes = 1 if declared == SIMPLEX else np.maximum(np.round(sums), 1)
        require(bool(np.all(np.abs(sums - sizes) <= 1e-9)), f"{what} must be rows that sum to {wanted}, got {sums}")
