"""Arrow tables as columns of numbers, booleans and text; pyarrow is imported when a file is read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from bpframe.plugin import DataError, HostArray

UNNAMED_INDEX = re.compile(r"__index_level_\d+__")  # what pandas calls the row numbers that it writes


def import_arrow(module: str = "pyarrow") -> Any:
    """pyarrow, or a module of it; DataError where it is not installed."""
    try:
        import pyarrow
        import pyarrow.feather
        import pyarrow.parquet
    except ImportError as cause:
        remedy = 'Install it: pip install "bpframe[data]".'
        raise DataError(f"needs pyarrow to read it, which is not installed ({cause}). {remedy}") from cause
    return {"pyarrow": pyarrow, "feather": pyarrow.feather, "parquet": pyarrow.parquet}[module]


class ArrowColumns(Mapping[str, HostArray]):
    """The columns of an Arrow table, each converted when it is looked up. Row numbers that pandas wrote are left out.

    `read(name)` gives a column as Arrow has it.
    """

    def __init__(self, schema: Any, read: Any) -> None:
        self._read = read
        index = _pandas_index(schema.metadata or {})
        self._names = [name for name in schema.names if not (name in index and UNNAMED_INDEX.fullmatch(name))]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __getitem__(self, name: str) -> HostArray:
        if name not in self._names:
            raise KeyError(name)
        return to_numpy(name, self._read(name))


def to_numpy(name: str, column: Any) -> HostArray:
    """An Arrow column as an array (N,) of numbers, booleans or text; DataError for gaps and for other types."""
    types = import_arrow().types
    if types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if column.null_count:
        row = column.is_null().to_pylist().index(True)
        raise DataError(
            f"column '{name}' needs a value in every row, got none at row {row}. Fill it in or drop the row."
        )
    kind = column.type
    if types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind):
        values: HostArray = column.to_numpy()
        return values
    if types.is_decimal(kind):
        return np.array([float(value) for value in column.to_pylist()])
    if types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind):
        return np.array(column.to_pylist(), dtype=np.str_)
    raise DataError(
        f"column '{name}' needs numbers, booleans or text, got {kind}. Make numbers of it, or leave it out."
    )


def _pandas_index(metadata: Mapping[bytes, bytes]) -> set[str]:
    """The names of the columns that pandas takes for its index."""
    try:
        names = json.loads(metadata.get(b"pandas", b"{}")).get("index_columns", [])
        return {name for name in names if isinstance(name, str)}
    except (ValueError, AttributeError, TypeError):  # metadata of another program's making
        return set()
