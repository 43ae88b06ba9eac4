"""The partition of a run's data into training, validation and test rows.

Shapes: x (N, ...) rows, y (N,) labels or numbers, or (N, C) targets.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np

from bpframe.data import arrays
from bpframe.data.columns import NamedRows
from bpframe.data.sources.selection import Selection
from bpframe.data.splits import split
from bpframe.runs.config.data_sources import FileSource, NamedSource
from bpframe.runs.config.schema import DataTable, SplitTable
from bpframe.types import HostArray

Part = tuple[Any, HostArray] | tuple[Any, HostArray, HostArray]
# x, an array or rows whose columns have names, y, and the weights of rows where they have some


@dataclass(frozen=True)
class Partition:
    """(x, y) of each part, or (x, y, sample_weight); None where the config has no rows for it."""

    train: Part
    validation: Part | None = None
    test: Part | None = None


def read_partition(table: DataTable, folder: Path, seed: int, dtype: str) -> Partition:
    """The rows of a [data] table, read from its files in or below `folder`, and divided.

    Test rows first, then validation rows from the rest; both fractions are of all rows. Raises DataError for rows that
    no network can take, numbered as they stand in their source, and where a part would be empty.
    """
    whole = _part(table.source, folder, table.selection() if table.source.table else Selection(), dtype)
    x, y = whole[:2]
    names = x.columns if isinstance(x, NamedRows) and x.numbering is None else None
    text = y.dtype.kind in "UT"  # labels stay text where those of training are
    alike = Selection(table.target, names, text=text, weight=table.weight)
    beside = {
        name: _part(part.source, folder, alike if part.source.table else Selection(), dtype)
        for name, part in (("validation", table.validation), ("test", table.test))
        if part is not None and part.source is not None
    }
    rest, test = _hold_out(np.arange(len(y)), y, table.test, seed)
    train, validation = _hold_out(rest, y, table.validation, seed)
    held = {"validation": validation, "test": test}
    parts = {name: _rows_of(whole, rows) for name, rows in held.items() if rows is not None} | beside
    return Partition(_rows_of(whole, train), parts.get("validation"), parts.get("test"))


def _rows_of(part: Part, rows: HostArray) -> Part:
    return cast(Part, tuple(array[rows] for array in part))


def _part(source: NamedSource | FileSource, folder: Path, selection: Selection, dtype: str) -> Part:
    """x, y and weights of one source, all usable; what no network can take is refused in the name of its source."""
    rows = source.read(folder, selection)
    assert rows.y is not None
    with source.errors(folder):
        _refuse_unusable(rows.x, rows.y, dtype)
        arrays.weights(rows.weight, len(rows.y), dtype)
    return (rows.x, rows.y) if rows.weight is None else (rows.x, rows.y, rows.weight)


def _refuse_unusable(x: NamedRows | HostArray, y: HostArray, dtype: str) -> None:
    """DataError for rows that no network can take."""
    arrays.inputs(x, dtype)
    if y.dtype.kind in "fc":
        arrays.as_numbers(y, dtype, "y")


def _hold_out(rows: HostArray, y: HostArray, part: SplitTable | None, seed: int) -> tuple[HostArray, HostArray | None]:
    if part is None or part.fraction is None:
        return rows, None
    kept, held = split(y[rows], part.fraction * len(y) / len(rows), part.kind, seed)
    return rows[kept], rows[held]
