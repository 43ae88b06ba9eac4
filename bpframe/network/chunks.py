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
    """scores(x) of rows x (N, ...), `size` of them at a time."""
    return np.concatenate([np.asarray(scores(x[i : i + size])) for i in range(0, x.shape[0], size)])
