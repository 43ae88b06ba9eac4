"""Comma-separated values (csv)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO, ClassVar, final

import numpy as np

from bpframe.plugin import HostArray
from bpframe_sources.delimited import read_columns, select
from bpframe_sources.dialect import check_signs, detect
from bpframe_sources.records import line_of, read_header


@final
@dataclass(frozen=True)
class Csv:
    """A text table: names of columns in the first line, then a row a line, in UTF-8.

    `separator` and `decimal` are detected where they are not given. The separator is the first of , ; tab | that cuts
    header and first rows alike, into two cells or more. The decimal sign is a comma where it does not separate and
    cells read "1,5", but none "1.5". Cells may be quoted; blank lines are skipped; blanks around a cell do not count.
    Source: RFC 4180, besides other separators.
    """

    separator: str | None = None
    decimal: str | None = None
    suffixes: ClassVar[tuple[str, ...]] = (".csv",)

    def __post_init__(self) -> None:
        check_signs("csv", self.separator, self.decimal)

    def read(self, file: BinaryIO) -> Mapping[str, HostArray]:
        """Every column: int64 or float64 where each cell is a number, else text."""
        return read_columns(file, detect(file, self.separator, self.decimal))

    def names(self, file: BinaryIO) -> Sequence[str]:
        """The cells of the first line."""
        return read_header(file, detect(file, self.separator, self.decimal))

    def select(
        self, file: BinaryIO, numbers: Sequence[str], texts: Sequence[str]
    ) -> tuple[HostArray, Mapping[str, Sequence[str]]]:
        """(float64 (N, n) of the columns `numbers`, the cells of the columns `texts` by name)."""
        return select(file, detect(file, self.separator, self.decimal), numbers, texts)

    def select_gaps(
        self, file: BinaryIO, numbers: Sequence[str], texts: Sequence[str], gaps: Collection[str]
    ) -> tuple[HostArray, Mapping[str, Sequence[str]]]:
        """The same, in which cells of the columns `gaps` may be empty."""
        return select(file, detect(file, self.separator, self.decimal), numbers, texts, gaps)

    def line_of(self, file: BinaryIO, row: int) -> int:
        """The line on which a row ends."""
        return line_of(file, detect(file, self.separator, self.decimal), row)

    def example(self) -> tuple[bytes, Mapping[str, HostArray]]:
        """A small file, and its columns."""
        rows = b'name,width,count\n"a, b",1.5,3\nc,-2e3,4\n'
        return rows, {"name": np.array(["a, b", "c"]), "width": np.array([1.5, -2e3]), "count": np.array([3, 4])}
