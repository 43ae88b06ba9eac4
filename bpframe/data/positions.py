"""Positions of a row: targets, weights and scores of sequences and grids as rows of one position each, and back.

A row has |S| positions, those of the axes S between the rows and what stands at one of them.
Shapes: y (N, *S) labels or (N, *S, M) targets, scores (N, *S, C), weights (N,) or (N, *S).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from bpframe.errors import ShapeError
from bpframe.types import HostArray, Shape


def flat(array: HostArray) -> HostArray:
    """(N, *S, C) as rows (N |S|, C); an array of two axes is itself."""
    return array if array.ndim == 2 else array.reshape(math.prod(array.shape[:-1]), array.shape[-1])


def flat_weight(weight: HostArray | None, shape: Shape) -> HostArray | None:
    """The weight of each position (N |S|,), `shape` (N, *S), where that of a row (N,) is that of each of its own."""
    if weight is None or weight.ndim == len(shape):
        return None if weight is None else weight.reshape(-1)
    return np.repeat(weight, math.prod(shape[1:]))


def apply_to_rows(function: Callable[[HostArray], Any], scores: HostArray) -> Any:
    """function(rows) of the rows (N |S|, C) of scores, with the axes S in what it gives, in each of a mapping's."""
    if scores.ndim == 2:
        return function(scores)
    made, axes = function(flat(scores)), scores.shape[:-1]
    if isinstance(made, Mapping):
        return {name: each.reshape(axes + each.shape[1:]) for name, each in made.items()}
    return made.reshape(axes + made.shape[1:])


def flat_target(y: HostArray, rows: int, axes: Shape, weight: HostArray | None) -> HostArray:
    """y as rows of one position, (N |S|,) or (N |S|, M), for N `rows` whose scores have these axes S.

    At padding, positions whose `weight` (N, *S) is 0, stands what stands at the first that counts.
    """
    shape = (rows, *axes)
    if y.shape[: len(shape)] != shape or y.ndim > len(shape) + 1:
        raise ShapeError(
            f"y needs a label, or a row of numbers, for each position of the scores, shape {shape} or {(*shape, 'M')}, "
            f"got {y.shape}. The scores of a row still have the axes {axes}. For one label a row put flatten, or "
            "global_avg_pool, before the last layer; a recurrent layer gives its last step without sequences."
        )
    flat = y.reshape(-1, *y.shape[len(shape) :])
    if weight is None or weight.ndim == 1 or weight.all():
        return flat
    counts = weight.reshape(-1) > 0
    flat = flat.copy()
    flat[~counts] = flat[counts.argmax()]
    return flat
