"""The partition of a run's data into training, validation and test rows.

Shapes: x (N, ...) rows, y (N,) labels or numbers, or (N, C) targets.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bpframe.data import arrays
from bpframe.data.splits import split
from bpframe.runs.config.schema import DataTable, SplitTable
from bpframe.runs.config.sources import Pair
from bpframe.types import HostArray


@dataclass(frozen=True)
class Partition:
    """(x, y) of each part; None where the config holds no rows out for it."""

    train: Pair
    validation: Pair | None = None
    test: Pair | None = None


def partition(x: HostArray, y: HostArray, table: DataTable, seed: int) -> Partition:
    """Test rows first, then validation rows from the rest; both fractions are of all rows.

    Raises DataError where a part would be empty.
    """
    rest, test = _hold_out(np.arange(len(y)), y, table.test, seed)
    train, validation = _hold_out(rest, y, table.validation, seed)
    return Partition(
        (x[train], y[train]), *(None if rows is None else (x[rows], y[rows]) for rows in (validation, test))
    )


def refuse_unusable(x: HostArray, y: HostArray, dtype: str) -> None:
    """DataError for rows that no network can take, numbered as they stand in the source."""
    arrays.inputs(x, dtype)
    if y.dtype.kind in "fc":
        arrays.as_numbers(y, dtype, "y")


def _hold_out(rows: HostArray, y: HostArray, part: SplitTable | None, seed: int) -> tuple[HostArray, HostArray | None]:
    if part is None:
        return rows, None
    kept, held = split(y[rows], part.fraction * len(y) / len(rows), part.kind, seed)
    return rows[kept], rows[held]
