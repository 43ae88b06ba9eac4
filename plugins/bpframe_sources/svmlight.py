"""Sparse rows of svmlight and LIBSVM."""

from __future__ import annotations

import itertools
from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from typing import BinaryIO, ClassVar, final

import numpy as np

from bpframe.plugin import ConfigError, DataError, HostArray, parse_cells, parse_number

SMALL, THINNEST = 2**20, 10_000  # numbers of a dense array, for each that is written: a file may not take what it likes


@final
@dataclass(frozen=True)
class Svmlight:
    """Rows "label 3:0.5 7:1 # comment" as dense x float64 (N, n), and their labels as y.

    features    n; by default the largest number that the file has, which differs between files
    zero_based  whether columns are numbered from 0; by default that is so if the file has a column 0

    A model learns these numbers as the names of its columns, and reads other files by them: columns that a file leaves
    out are 0, and a file that has no column 0 means what the first one meant.
    Source: Joachims, SVMlight; Chang and Lin, LIBSVM.
    """

    features: int | None = None
    zero_based: bool | None = None
    suffixes: ClassVar[tuple[str, ...]] = (".svmlight", ".libsvm", ".svm")
    arrays: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.features is not None and self.features < 1:
            raise ConfigError(f"svmlight needs at least one of features, got {self.features!r}.")

    def read(self, file: BinaryIO) -> Mapping[str, HostArray]:
        """The arrays `x` and `y`."""
        return self.numbered(file)[0]

    def numbered(self, file: BinaryIO) -> tuple[Mapping[str, HostArray], int, bool]:
        """(the same, the number of the first column, whether it is set)."""
        labels, rows, columns, values = _entries(file)
        if not labels:
            raise DataError("needs at least one row, got none. Add rows.")
        first = self._first(columns)
        at = np.frombuffer(columns, dtype=np.int64) - first
        width = self.features or int(at.max(initial=0)) + 1
        if at.size and (at.min() < 0 or at.max() >= width):
            wrong = int(at.min() if at.min() < 0 else at.max())
            raise DataError(f"needs {width} columns from number {first} on, got number {wrong + first}. Set features.")
        if len(labels) * width > max(SMALL, THINNEST * (len(values) + len(labels))):
            raise DataError(
                f"needs to fit into memory as dense rows, got {len(labels)} x {width}. Choose columns first."
            )
        x = np.zeros((len(labels), width))
        x[np.frombuffer(rows, dtype=np.int64), at] = np.frombuffer(values, dtype=np.float64)
        return {"x": x, "y": parse_cells(labels)}, first, self.zero_based is not None

    def line_of(self, file: BinaryIO, row: int) -> int:
        """The line of a row."""
        file.seek(0)
        rows = (number for number, line in enumerate(file, 1) if line.partition(b"#")[0].strip())
        return next(itertools.islice(rows, row, None))

    def example(self) -> tuple[bytes, Mapping[str, HostArray]]:
        """A small file, and its arrays."""
        text = b"# two rows\n+1 1:0.5 3:2 # the first\n-1 2:-1e3\n"
        return text, {"x": np.array([[0.5, 0, 2], [0, -1e3, 0]]), "y": np.array([1, -1])}

    def _first(self, columns: array[int]) -> int:
        """The number of the first column, 0 or 1."""
        return 0 if (0 in columns if self.zero_based is None else self.zero_based) else 1


def _entries(file: BinaryIO) -> tuple[list[str], array[int], array[int], array[float]]:
    """(labels, then row, column and value of each number that is written)."""
    labels, rows, columns, values = list[str](), array("q"), array("q"), array("d")
    file.seek(0)
    for number, line in enumerate(file, 1):
        label, *entries = line.decode().partition("#")[0].split() or [""]
        if not label:
            continue
        seen = set()
        for entry in entries:
            column, _, cell = entry.partition(":")
            if not (column.isascii() and column.isdecimal()) or column in seen:
                raise DataError(
                    f"line {number}, needs COLUMN:NUMBER, each column once, got '{entry[:60]}'. {_remedy(column)}"
                )
            seen.add(column)
            columns.append(int(column))
            values.append(_number(number, cell))
        rows.extend([len(labels)] * len(entries))
        _number(number, label)
        labels.append(label)
    return labels, rows, columns, values


def _number(line: int, cell: str) -> float:
    try:
        return parse_number(cell)
    except ValueError:
        raise DataError(f"line {line}, needs a number, got {cell[:60]!r}. Mend it.") from None


def _remedy(column: str) -> str:
    return "Rows in groups are for ranking: leave out qid." if column == "qid" else "Mend it."
