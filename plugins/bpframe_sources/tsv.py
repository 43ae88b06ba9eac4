"""Tab-separated values (tsv)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO, ClassVar, final

import numpy as np

from bpframe.plugin import HostArray
from bpframe_sources.delimited import read_columns, select
from bpframe_sources.dialect import check_signs, detect
from bpframe_sources.records import line_of, read_header

TAB = "\t"


@final
@dataclass(frozen=True)
class Tsv:
    """A text table with tabs between cells: names of columns in the first line, then a row a line, in UTF-8.

    `decimal` is detected where it is not given: a comma where cells read "1,5", but none "1.5". All else is as in csv.
    Source: IANA, text/tab-separated-values, besides quotes.
    """

    decimal: str | None = None
    suffixes: ClassVar[tuple[str, ...]] = (".tsv",)

    def __post_init__(self) -> None:
        check_signs("tsv", TAB, self.decimal)

    def read(self, file: BinaryIO) -> Mapping[str, HostArray]:
        """Every column: int64 or float64 where each cell is a number, else text."""
        return read_columns(file, detect(file, TAB, self.decimal))

    def names(self, file: BinaryIO) -> Sequence[str]:
        """The cells of the first line."""
        return read_header(file, detect(file, TAB, self.decimal))

    def select(
        self, file: BinaryIO, numbers: Sequence[str], texts: Sequence[str]
    ) -> tuple[HostArray, Mapping[str, Sequence[str]]]:
        """(float64 (N, n) of the columns `numbers`, the cells of the columns `texts` by name)."""
        return select(file, detect(file, TAB, self.decimal), numbers, texts)

    def select_gaps(
        self, file: BinaryIO, numbers: Sequence[str], texts: Sequence[str], gaps: Collection[str]
    ) -> tuple[HostArray, Mapping[str, Sequence[str]]]:
        """The same, in which cells of the columns `gaps` may be empty."""
        return select(file, detect(file, TAB, self.decimal), numbers, texts, gaps)

    def line_of(self, file: BinaryIO, row: int) -> int:
        """The line on which a row ends."""
        return line_of(file, detect(file, TAB, self.decimal), row)

    def example(self) -> tuple[bytes, Mapping[str, HostArray]]:
        """A small file, and its columns."""
        rows = b'name\twidth\tcount\n"a\t b"\t1.5\t3\nc\t-2e3\t4\n'
        return rows, {"name": np.array(["a\t b", "c"]), "width": np.array([1.5, -2e3]), "count": np.array([3, 4])}
