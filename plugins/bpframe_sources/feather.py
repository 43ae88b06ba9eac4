"""Feather and Arrow tables (.feather, .arrow)."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import BinaryIO, ClassVar, final

import numpy as np

from bpframe.plugin import HostArray
from bpframe_sources.arrow import ArrowColumns, import_arrow


@final
@dataclass(frozen=True)
class Feather:
    """The columns of a Feather file, which is Arrow's own format: numbers in their types, booleans and text.

    Needs pyarrow: pip install "bpframe[data]".
    Source: Apache Arrow, IPC file format (Feather version 2).
    """

    suffixes: ClassVar[tuple[str, ...]] = (".feather", ".arrow")

    def read(self, file: BinaryIO) -> Mapping[str, HostArray]:
        """The columns by name, each converted when it is looked up."""
        table = import_arrow("feather").read_table(file, use_threads=False)
        return ArrowColumns(table.schema, table.column)

    def example(self) -> tuple[bytes, Mapping[str, HostArray]]:
        """A small file, and its columns."""
        file, columns = io.BytesIO(), {"name": np.array(["a", "b"]), "width": np.array([1.5, 2]), "n": np.array([3, 4])}
        import_arrow("feather").write_feather(import_arrow().table(columns), file)
        return file.getvalue(), columns
