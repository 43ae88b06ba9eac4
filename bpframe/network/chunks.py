"""Evaluation of many rows in chunks of a bounded size."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import prod
from threading import Lock
from typing import Any

import numpy as np

from bpframe import tree
from bpframe.ops.thread_team import current_team
from bpframe.types import HostArray, Params, Shape

NUMBERS = 2**20  # that one chunk may hold in a layer


def chunk_rows(row: Shape, params: Params) -> int:
    """How many rows of that shape go through a network of these parameters at a time, at least one."""
    widest = max(prod(row), *(prod(leaf.shape[1:]) for _, leaf in tree.leaves(params)), 1)
    return int(max(1, NUMBERS // widest))


def in_chunks(scores: Callable[[Any], Any], x: Any, size: int) -> HostArray:
    """scores(x) of rows x (N, ...), `size` of them at a time: besides the result there is one chunk in memory.

    The threads of a team that is set have one each.
    """
    rows = x.shape[0]
    if rows <= size:
        result = np.asarray(scores(x))
        return result if result.flags.owndata and result is not x else np.array(result)  # which may be x, or a view
    found, first = list[HostArray](), Lock()

    def fill(i: int) -> None:
        part = np.asarray(scores(x[i : i + size]))
        with first:
            if not found:
                found.append(np.empty((rows, *part.shape[1:]), part.dtype))
        found[0][i : i + size] = part

    jobs, team = [partial(fill, i) for i in range(0, rows, size)], current_team()
    if team is not None:
        team.run(jobs)
    else:
        for job in jobs:
            job()
    return found[0]
