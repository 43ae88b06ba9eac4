"""Dialects of delimited text: which sign stands between cells, and which before a number's fraction."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from bpframe.plugin import ConfigError, DataError

SEPARATORS = (",", ";", "\t", "|")
SAMPLE = 1 << 16  # bytes
WITH_COMMA = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?")
WITH_POINT = re.compile(r"[+-]?(\d+\.\d*|\.\d+)([eE][+-]?\d+)?")
GROUPS = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+")  # 1,234 is 1234 to some, and 1.234 to others


@dataclass(frozen=True)
class Dialect:
    """The sign between cells, and that before the fraction of a number."""

    separator: str
    decimal: str = "."


def check_signs(who: str, separator: str | None, decimal: str | None) -> None:
    """ConfigError for signs that no table could have."""
    if separator is not None and (len(separator) != 1 or separator in "\"\n\r.'_+-" or separator.isalnum()):
        raise ConfigError(f"{who} needs one sign as separator, such as ',' or ';', got {separator!r}.")
    if decimal not in (None, ".", ","):
        raise ConfigError(f"{who} needs '.' or ',' as decimal sign, got {decimal!r}.")
    if separator == decimal and decimal is not None:
        raise ConfigError(f"{who} needs two different signs, got {separator!r} as separator and as decimal sign.")


def detect(file: BinaryIO, separator: str | None, decimal: str | None) -> Dialect:
    """The dialect of a file, as its first 64 KiB show it; signs that are given are taken as they are.

    The separator is the first of , ; tab | that cuts header and rows into the same number of cells, two or more. A
    comma is the decimal sign where it does not separate and cells read "1,5", but none "1.5".
    """
    file.seek(0)
    head = file.read(SAMPLE)
    text = head.decode("utf-8-sig", errors="replace")
    if separator is None:
        candidates = [sign for sign in SEPARATORS if sign != decimal]
        separator = next((sign for sign in candidates if _cuts_evenly(text, sign)), candidates[0])
    if decimal is None:
        decimal = "." if separator == "," else _decimal(list(_sample(text, separator))[1:])
    return Dialect(separator, decimal)


def _sample(text: str, separator: str) -> Iterator[list[str]]:
    """The rows of the text, but for the last, which may be cut short; none after one that is not well formed."""
    lines = text.splitlines(keepends=True)
    lines = lines[:-1] if len(text) > SAMPLE // 4 and len(lines) > 1 else lines
    try:
        for cells in csv.reader(lines, delimiter=separator, strict=True, skipinitialspace=True):
            if cells:
                yield [cell.strip() for cell in cells]
    except csv.Error:
        return


def _cuts_evenly(text: str, separator: str) -> bool:
    widths = {len(cells) for cells in _sample(text, separator)}
    return len(widths) == 1 and widths.pop() > 1


def _decimal(rows: Sequence[Sequence[str]]) -> str:
    commas = [cell for cells in rows for cell in cells if WITH_COMMA.fullmatch(cell)]
    if not commas or any(WITH_POINT.fullmatch(cell) for cells in rows for cell in cells):
        return "."
    if all(map(GROUPS.fullmatch, commas)):
        cell = commas[0]
        raise DataError(
            f"needs numbers that can be read in one way, got {cell!r}. Set the decimal sign: decimal=',' if that is "
            f"{cell.replace(',', '.', 1)}; write it without commas if it is {cell.replace(',', '')}."
        )
    return ","
