"""Parquet tables (.parquet)."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, ClassVar, final

import numpy as np

from bpframe.plugin import HostArray
from bpframe_sources.arrow import ArrowColumns, import_arrow


@final
@dataclass(frozen=True)
class Parquet:
    """The columns of a Parquet file: numbers in their own types, booleans and text, of which dictionaries are made.

    Needs pyarrow: pip install "bpframe[data]".
    Source: Apache Parquet format 2.
    """

    suffixes: ClassVar[tuple[str, ...]] = (".parquet", ".pq")

    def read(self, file: BinaryIO) -> Mapping[str, HostArray]:
        """The columns by name, each read when it is looked up."""
        table = import_arrow("parquet").ParquetFile(file)

        def column(name: str) -> Any:
            return table.read(columns=[name], use_threads=False).column(name)  # a name with a dot brings others along

        return ArrowColumns(table.schema_arrow, column)

    def example(self) -> tuple[bytes, Mapping[str, HostArray]]:
        """A small file, and its columns."""
        file, columns = io.BytesIO(), {"name": np.array(["a", "b"]), "width": np.array([1.5, 2]), "n": np.array([3, 4])}
        import_arrow("parquet").write_table(import_arrow().table(columns), file)
        return file.getvalue(), columns
