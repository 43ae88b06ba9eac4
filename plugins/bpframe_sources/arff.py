"""Attribute-relation files (ARFF) of Weka and OpenML."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO, ClassVar, final

import numpy as np

from bpframe.plugin import DataError, HostArray, parse_number

ESCAPE = re.compile(r"\\(.)")
LETTERS = {"n": "\n", "t": "\t", "r": "\r"}
QUOTED = r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\""""
ATTRIBUTE = re.compile(rf"@attribute\s+({QUOTED}|[^\s'\"]\S*)\s+(.+)", re.IGNORECASE)
CELL = re.compile(rf"\s*({QUOTED}|[^,'\"]*?)\s*(?:,|$)")
NUMBERS = ("numeric", "real", "integer")


@dataclass(frozen=True)
class Attribute:
    """A column: its name, and the texts that it may have; None for numbers, () for any text."""

    name: str
    values: tuple[str, ...] | None


@final
@dataclass(frozen=True)
class Arff:
    """A table that declares its columns: numbers as float64, nominal values, strings and dates as text.

    Rows may be dense or sparse ({1 x, 4 y}, other numbers 0 and other nominal values the first one). A missing value
    ("?") is an error of its line; weights of rows are refused.
    Source: Witten, Frank and Hall (2011), Data Mining, section 2.4; Weka's ARFF.
    """

    suffixes: ClassVar[tuple[str, ...]] = (".arff",)

    def read(self, file: BinaryIO) -> Mapping[str, HostArray]:
        """Every column."""
        file.seek(0)
        lines = _lines(file)
        attributes = _header(lines)
        columns: list[list[float | str]] = [[] for _ in attributes]
        for number, line in lines:
            for column, attribute, cell in zip(columns, attributes, _cells(number, line, attributes), strict=True):
                column.append(_value(number, attribute, cell))
        return {
            attribute.name: np.array(column, dtype=np.float64 if attribute.values is None else np.str_)
            for attribute, column in zip(attributes, columns, strict=True)
        }

    def line_of(self, file: BinaryIO, row: int) -> int:
        """The line of a row."""
        file.seek(0)
        lines = _lines(file)
        _header(lines)
        return next(itertools.islice(lines, row, None))[0]

    def example(self) -> tuple[bytes, Mapping[str, HostArray]]:
        """A small file, and its columns."""
        text = (
            b"@relation r\n@attribute 'the size' real\n@attribute c {x, 'y z'}\n@data\n1.5, x\n% no row\n-2e3,'y z'\n"
        )
        return text, {"the size": np.array([1.5, -2e3]), "c": np.array(["x", "y z"])}


def _lines(file: BinaryIO) -> Iterator[tuple[int, str]]:
    """Lines with their numbers, comments and blank ones aside."""
    for number, line in enumerate(file, 1):
        text = line.decode("utf-8-sig" if number == 1 else "utf-8").strip()
        if text and not text.startswith("%"):
            yield number, text


def _header(lines: Iterator[tuple[int, str]]) -> list[Attribute]:
    """The attributes, up to @data."""
    attributes = list[Attribute]()
    for number, line in lines:
        word = line.split(None, 1)[0].lower()
        if word == "@data":
            if not attributes:
                raise DataError("needs attributes before its rows, got none. Write an @attribute for each column.")
            return attributes
        if word == "@attribute":
            attributes.append(_attribute(number, line))
        elif word != "@relation":
            raise DataError(f"line {number}, needs @relation, @attribute or @data, got '{line[:60]}'. Mend it.")
    raise DataError("needs rows below @data, got none. Add them.")


def _attribute(number: int, line: str) -> Attribute:
    match = ATTRIBUTE.fullmatch(line)
    if match is None:
        raise DataError(f"line {number}, needs @attribute NAME TYPE, got '{line[:60]}'. Mend it.")
    name, kind = _plain(match[1]), match[2].strip()
    if kind.startswith("{") and kind.endswith("}"):
        return Attribute(name, tuple(_plain(cell) for cell in _split(number, kind[1:-1])))
    word = kind.split(None, 1)[0].lower()
    if word in NUMBERS:
        return Attribute(name, None)
    if word in ("string", "date"):
        return Attribute(name, ())
    raise DataError(f"line {number}, attribute '{name}' needs numbers, nominal values, strings or dates, got '{kind}'.")


def _split(number: int, line: str) -> list[str]:
    """The cells of a line, quotes still on."""
    cells, end = [], -1
    for match in CELL.finditer(line):
        if match.start() != max(end, 0) or (match.start() == len(line) and not line.endswith(",")):
            break
        cells.append(match[1])
        end = match.end()
    if end != len(line):
        raise DataError(f"line {number}, needs cells with commas between them, got '{line[:60]}'. Quote text: 'a, b'.")
    return cells


def _cells(number: int, line: str, attributes: Sequence[Attribute]) -> list[str]:
    """A cell for each attribute."""
    if line.startswith("{"):
        return _sparse(number, line, attributes)
    cells = _split(number, line)
    if len(cells) != len(attributes):
        raise DataError(f"line {number}, needs {len(attributes)} cells, one for each attribute, got {len(cells)}.")
    return cells


def _sparse(number: int, line: str, attributes: Sequence[Attribute]) -> list[str]:
    """A row that names its cells by number; of the others numbers are 0, and nominal values the first."""
    cells = ["0" if attribute.values is None else repr((*attribute.values, "")[0]) for attribute in attributes]
    for entry in _split(number, line[1:].removesuffix("}")) if line != "{}" else []:
        at, _, cell = entry.partition(" ")
        if not line.endswith("}") or not at.isdecimal() or int(at) >= len(cells):
            raise DataError(
                f"line {number}, needs {{NUMBER VALUE, ...}} of {len(cells)} attributes, got '{line[:60]}'."
            )
        cells[int(at)] = cell.strip()
    return cells


def _value(number: int, attribute: Attribute, cell: str) -> float | str:
    where = f"line {number}, column '{attribute.name}'"
    if cell in ("?", ""):
        raise DataError(f"{where} needs a value, got '{cell}'. Fill it in or drop the row.")
    text = _plain(cell)
    if attribute.values is None:
        try:
            return parse_number(text)
        except ValueError:
            raise DataError(f"{where} needs a number, got {text[:60]!r}. Mend it.") from None
    if attribute.values and text not in attribute.values:
        raise DataError(f"{where} needs one of {', '.join(attribute.values[:10])}, got {text[:60]!r}. Mend it.")
    return text


def _plain(cell: str) -> str:
    """A cell without its quotes."""
    quoted = len(cell) > 1 and cell[0] in "'\"" and cell[-1] == cell[0]
    return ESCAPE.sub(lambda match: LETTERS.get(match[1], match[1]), cell[1:-1]) if quoted else cell.strip()
