"""The partition of a run's data into training, validation and test rows.

Shapes: x (N, ...) rows, y (N,) labels or numbers, or (N, C) targets.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from bpframe.data import arrays
from bpframe.data.columns import NamedRows
from bpframe.data.ready_rows import ReadyRows
from bpframe.data.sources.selection import Selection
from bpframe.data.splits import split
from bpframe.data.target_gaps import is_text
from bpframe.runs.config.data_sources import AnySource
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


def read_partition(
    table: DataTable, folder: Path, seed: int, dtype: str, ready: bool = False, gaps: Collection[str] = ()
) -> Partition:
    """The rows of a [data] table, read from its files in or below `folder`, and divided.

    Test rows first, then validation rows from the rest; both fractions are of all rows. `ready`: rows of tables are
    kept as engines get them too, and the digest of a file's rows is made while the next file is read. `gaps`: columns
    of the target in which values may be missing. Raises DataError for rows that no network can take, numbered as they
    stand in their source, and where a part would be empty.
    """
    apart = {"validation": table.validation, "test": table.test}
    divided = any(part is not None and part.fraction is not None for part in apart.values())
    arrays_alone = Selection(weight=table.weight)
    chosen = table.selection(gaps=gaps) if table.source.table else arrays_alone
    whole = _part(table.source, folder, chosen, dtype, ready and not divided)
    x, y = whole[:2]
    names = x.columns if isinstance(x, NamedRows) and x.numbering is None else None
    text = is_text(y)  # labels stay text where those of training are
    alike = Selection(table.target, names, text=text, weight=table.weight, gaps=gaps)
    beside = {
        name: _part(part.source, folder, alike if part.source.table else arrays_alone, dtype, ready)
        for name, part in apart.items()
        if part is not None and part.source is not None
    }
    parts = _divided(whole, table, seed) if divided else {"train": whole}
    del whole, x  # before more memory is taken for its parts
    if divided and ready:
        parts = {name: (_ready(part[0], arrays.inputs(part[0], dtype)), *part[1:]) for name, part in parts.items()}
    return Partition(**parts, **beside)


def part_sentences(parts: Partition) -> list[str]:
    """What is odd about the data, a sentence each (`bpframe.data.data_check`)."""
    from bpframe.data.data_check import data_sentences  # which a training does not need

    return data_sentences({name: part for name, part in vars(parts).items() if part is not None})


def _divided(whole: Part, table: DataTable, seed: int) -> dict[str, Part]:
    """The parts whose rows come from one source, by name."""
    y = whole[1]
    rest, test = _hold_out(np.arange(len(y)), y, table.test, seed)
    train, validation = _hold_out(rest, y, table.validation, seed)
    held = {"train": train, "validation": validation, "test": test}
    return {name: cast(Part, tuple(array[rows] for array in whole)) for name, rows in held.items() if rows is not None}


def _part(source: AnySource, folder: Path, selection: Selection, dtype: str, ready: bool) -> Part:
    """x, y and weights of one source, all usable; what no network can take is refused in the name of its source."""
    rows = source.read(folder, selection)
    assert rows.y is not None
    with source.errors(folder):
        converted = arrays.inputs(rows.x, dtype)
        if rows.y.dtype.kind in "fc":
            arrays.as_numbers(rows.y, dtype, "y", gaps=bool(selection.gaps))
        axes = () if rows.weight is None else rows.weight.shape[1:]
        arrays.weights(rows.weight, len(rows.y), dtype, axes)
    x = _ready(rows.x, converted) if ready else rows.x
    return (x, rows.y) if rows.weight is None else (x, rows.y, rows.weight)


def _ready(x: NamedRows | HostArray, converted: HostArray) -> NamedRows | HostArray:
    """Rows of a table with what was converted of them; arrays as they are."""
    return replace(x, ready=ReadyRows(converted)) if isinstance(x, NamedRows) else x


def _hold_out(rows: HostArray, y: HostArray, part: SplitTable | None, seed: int) -> tuple[HostArray, HostArray | None]:
    if part is None or part.fraction is None:
        return rows, None
    kept, held = split(y[rows], part.fraction * len(y) / len(rows), part.kind, seed if part.seed is None else part.seed)
    return rows[kept], rows[held]
