"""Splits into training rows and held-out rows.  n rows, C classes, held = round(fraction * n).

Both parts are row numbers in ascending order; which rows are held out depends only on the seed, on every machine and
with every version of NumPy.
"""

from __future__ import annotations

from numbers import Real
from typing import Literal, get_args

import numpy as np

from bpframe.data.arguments import require_integer, suggestion
from bpframe.data.dense import as_dense
from bpframe.errors import ConfigError, DataError, ShapeError
from bpframe.random import SPLIT, host_generator, permutation
from bpframe.types import HostArray

SplitKind = Literal["random", "stratified", "tail"]


def split(y: HostArray, fraction: float, kind: SplitKind = "random", seed: int = 0) -> tuple[HostArray, HostArray]:
    """Train rows and held-out rows, int64: disjoint, rising, together 0 .. n - 1; round(fraction * n) are held out.

    random      every row is as likely as any other
    stratified  every class keeps its share to within one row, and at least one row in training; where a class is too
                small for both, the other classes take over its share. y (n,) or (n, 1), numbers or text
    tail        the last rows, for rows in order of time; the seed plays no part
    Errors: ConfigError for a wrong fraction, kind or seed; DataError where a part would be empty, or where y cannot
    be stratified.
    """
    if kind not in get_args(SplitKind):
        known = ", ".join(get_args(SplitKind))
        raise ConfigError(f"kind of split needs one of {known}, got {kind!r}.{suggestion(kind, get_args(SplitKind))}")
    y = as_dense(y, "y")
    held = _size(y, fraction)
    if kind == "tail":
        chosen = np.arange(len(y) - held, len(y))
    elif kind == "random":
        chosen = _shuffled(seed, len(y))[:held]
    else:
        chosen = _stratified(y, float(fraction), held, _shuffled(seed, len(y)))
    is_held = np.zeros(len(y), dtype=bool)
    is_held[chosen] = True
    return np.flatnonzero(~is_held).astype(np.int64), np.flatnonzero(is_held).astype(np.int64)


def _shuffled(seed: int, n: int) -> HostArray:
    return permutation(host_generator(require_integer("seed", seed, 0), SPLIT), n)


def _size(y: HostArray, fraction: float) -> int:
    """How many rows to hold out: at least one, and not all."""
    share = float(fraction) if isinstance(fraction, Real) else 0.0
    if not 0 < share < 1:
        raise ConfigError(f"fraction of split needs a number between 0 and 1, got {fraction!r}. For a fifth: 0.2.")
    if y.ndim == 0:
        raise ShapeError(f"split needs y with one entry a row, got the single value {y}.")
    held = round(share * len(y))
    if not 0 < held < len(y):
        raise DataError(
            f"split needs at least one row in each part, got fraction {fraction} of {len(y)} rows, which holds out "
            f"{held}. Bring more rows or change the fraction."
        )
    return held


def _stratified(y: HostArray, fraction: float, held: int, order: HostArray) -> HostArray:
    """The first rows of each class in the shuffled order, as many as the class has to give."""
    _, number, counts = np.unique(_labels(y), return_inverse=True, return_counts=True)
    by_class = order[np.argsort(number[order], kind="stable")]
    rank = np.arange(len(y)) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.asarray(by_class[rank < np.repeat(_apportion(counts, fraction, held), counts)])


def _apportion(counts: HostArray, fraction: float, held: int) -> HostArray:
    """How many rows each class gives, (C,): by largest remainder, below counts (C,), with sum `held`."""
    most = counts - 1
    if held > most.sum():
        raise DataError(
            f"a stratified split needs a row of each of the {len(counts)} classes for training, got {counts.sum()} "
            f"rows of which {held} are held out. Lower the fraction, merge rare classes or use kind='random'."
        )
    quota, full = fraction * counts, np.zeros(len(counts), dtype=bool)
    while (quota > most).any():  # each pass settles a class for good: shares of the others only grow
        full |= quota > most
        share = (held - most[full].sum()) / max(counts[~full].sum(), 1)
        quota = np.where(full, most, share * counts)
    given = np.floor(quota).astype(np.int64)
    largest_remainder_first = np.argsort(given - quota, kind="stable")
    given[largest_remainder_first[: held - given.sum()]] += 1
    return given


def _labels(y: HostArray) -> HostArray:
    """y as (n,) labels that can be sorted; numbers that are not whole are no labels."""
    if y.ndim > 1 and y.size != len(y):
        raise ShapeError(f"a stratified split needs one label a row, got y of shape {y.shape}. Use kind='random'.")
    y = y.reshape(-1)
    if y.dtype.kind == "O":
        y = np.asarray(y.tolist())
    if y.dtype.kind == "f" and (y != np.floor(y)).any():
        row = int(np.argmax(y != np.floor(y)))
        raise DataError(f"a stratified split needs class labels, got {y[row]} in row {row}. Use kind='random'.")
    if y.dtype.kind not in "biufUS":
        raise DataError(f"a stratified split needs labels that are numbers or text, got {y.dtype}. Use kind='random'.")
    return y
