"""Sparse rows of svmlight and LIBSVM (.svmlight, .libsvm)."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from typing import BinaryIO, ClassVar, final

import numpy as np

from bpframe.plugin import ConfigError, DataError, HostArray, parse_cells, parse_number

MOST = 2**31  # numbers of a dense array: 16 GiB


@final
@dataclass(frozen=True)
class Svmlight:
    """Rows "label 3:0.5 7:1 # comment" as dense x float64 (N, n), and their labels as y.

    features    n; by default the largest number that the file has, which differs between files
    zero_based  whether columns are numbered from 0; by default that is so if the file has a column 0
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
        labels, rows, columns, values = _entries(file)
        if not labels:
            raise DataError("needs at least one row, got none. Add rows.")
        at = np.frombuffer(columns, dtype=np.int64) - (1 - self._base(columns))
        width = self.features or int(at.max(initial=0)) + 1
        if at.size and (at.min() < 0 or at.max() >= width):
            wrong, first = int(at.min() if at.min() < 0 else at.max()), 1 - self._base(columns)
            raise DataError(f"needs {width} columns from number {first} on, got number {wrong + first}. Set features.")
        if len(labels) * width > MOST:
            raise DataError(
                f"needs to fit into memory as dense rows, got {len(labels)} x {width}. Choose columns first."
            )
        x = np.zeros((len(labels), width))
        x[np.frombuffer(rows, dtype=np.int64), at] = np.frombuffer(values, dtype=np.float64)
        return {"x": x, "y": parse_cells(labels)}

    def example(self) -> tuple[bytes, Mapping[str, HostArray]]:
        """A small file, and its arrays."""
        text = b"# two rows\n+1 1:0.5 3:2 # the first\n-1 2:-1e3\n"
        return text, {"x": np.array([[0.5, 0, 2], [0, -1e3, 0]]), "y": np.array([1, -1])}

    def _base(self, columns: array[int]) -> int:
        """1 if columns are numbered from 0, else 0."""
        return int(0 in columns if self.zero_based is None else self.zero_based)


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
