"""Balanced classes: each as often as the largest.  Shapes: target (N, C), a column a class, or (N, 1); weight (N,)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from bpframe.plugin import DataError, HostArray, permutation


@final
@dataclass(frozen=True)
class Balanced:
    """Rows of smaller classes are visited again until every class is visited M times, the rows of the largest.

    An epoch has M rows for each class that occurs, so it grows; no row is left out, and rows of one class are visited
    equally often, give or take one visit. A soft label counts as its largest entry. Weights do not change the order,
    as they act in the loss: with class weights on top, classes are balanced twice.
    Source: random oversampling; Buda, Maki and Mazurowski (2018), arXiv:1710.05381, section 2.2.
    """

    def order(self, rng: np.random.Generator, target: HostArray, weight: HostArray) -> HostArray:
        """M row numbers for each class, shuffled; DataError for targets that are not one class a row."""
        numbers = _class_numbers(target)
        classes = [np.flatnonzero(numbers == c) for c in np.unique(numbers)]
        most = max(map(len, classes))
        visits = np.concatenate([np.resize(rows[permutation(rng, len(rows))], most) for rows in classes])
        return np.asarray(visits[permutation(rng, len(visits))])


def _class_numbers(target: HostArray) -> HostArray:
    """(N,) numbers of the classes that encoded targets stand for."""
    if target.ndim > 2:
        raise DataError("balanced needs one class a row, but rows have targets at several positions.")
    if target.shape[1] == 1:
        values, numbers = np.unique(target[:, 0], return_inverse=True)
        single = len(values) <= 2
    else:
        numbers = target.argmax(axis=1)
        largest = target == target.max(axis=1, keepdims=True)
        single = bool((largest.sum(axis=1) == 1).all()) and float(np.ptp(target.sum(axis=1))) < 1e-3
    if not single:
        raise DataError("balanced needs one class a row, but the targets are quantities or several labels a row.")
    return numbers
