"""Evaluation of many rows in chunks of a bounded size."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from bpframe import tree
from bpframe.types import HostArray, Params, Shape

NUMBERS = 2**20  # that one chunk may hold in a layer


def chunk_rows(row: Shape, params: Params) -> int:
    """How many rows of that shape go through a network of these parameters at a time, at least one."""
    widest = max(prod(row), *(prod(leaf.shape[1:]) for _, leaf in tree.leaves(params)), 1)
    return int(max(1, NUMBERS // widest))


def in_chunks(scores: Callable[[Any], Any], x: Any, size: int) -> HostArray:
    """scores(x) of rows x (N, ...), `size` of them at a time: besides the result there is one chunk in memory."""
    rows = x.shape[0]
    first = np.asarray(scores(x if rows <= size else x[:size]))
    if rows <= size:
        return first if first.flags.owndata and first is not x else np.array(first)  # which may be x, or a view of it
    result = np.empty((rows, *first.shape[1:]), first.dtype)
    result[:size] = first
    for i in range(size, rows, size):
        result[i : i + size] = scores(x[i : i + size])
    return result
