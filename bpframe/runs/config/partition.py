"""The data of a run in parts: rows to train on, to validate and to test with.

Shapes: x (N, ...) rows, y (N,) labels or numbers, or (N, C) targets.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bpframe import datasets
from bpframe.data import arrays
from bpframe.runs.config.schema import DataTable, SplitTable
from bpframe.runs.config.sources import Pair
from bpframe.types import HostArray


@dataclass(frozen=True)
class Parts:
    """(x, y) of each part; None where the config holds none out."""

    train: Pair
    validation: Pair | None = None
    test: Pair | None = None


def divide(x: HostArray, y: HostArray, table: DataTable, seed: int) -> Parts:
    """Test rows first, then validation rows from the rest; both fractions are of all rows.

    Raises DataError where a part would be empty.
    """
    rest, test = _held_out(np.arange(len(y)), y, table.test, seed)
    train, validation = _held_out(rest, y, table.validation, seed)
    return Parts((x[train], y[train]), *(None if rows is None else (x[rows], y[rows]) for rows in (validation, test)))


def check(x: HostArray, y: HostArray, dtype: str) -> None:
    """DataError for rows that no network can take, numbered as they stand in the source."""
    arrays.inputs(x, dtype)
    if y.dtype.kind in "fc":
        arrays.numbers(y, dtype, "y")


def _held_out(rows: HostArray, y: HostArray, part: SplitTable | None, seed: int) -> tuple[HostArray, HostArray | None]:
    if part is None:
        return rows, None
    kept, held = datasets.split(y[rows], part.fraction * len(y) / len(rows), part.kind, seed)
    return rows[kept], rows[held]
