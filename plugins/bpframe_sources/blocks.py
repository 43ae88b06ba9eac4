"""Blocks of delimited text, read fast: whole lines at a time by NumPy's parser, which rounds as Python's does.

What the csv module could read in another way raises `Doubt`: quotes, rows of another width, whatever is no number.
Then `bpframe_sources.records` reads the file again, and names what is wrong with it, if anything is.
"""

from __future__ import annotations

import csv
import re
from array import array
from collections.abc import Collection, Iterator, Sequence
from typing import BinaryIO

import numpy as np

from bpframe.plugin import HostArray
from bpframe_sources.dialect import Dialect

BLOCK = 1 << 20  # bytes
LONGEST = 1 << 17  # what the csv module takes as one cell; a line of it is left to that
NEWLINE = 10


class Doubt(Exception):
    """A file that only the exact reader should read."""


def read_blocks(
    file: BinaryIO, dialect: Dialect, numbers: Sequence[str], texts: Sequence[str], gaps: Collection[str] = ()
) -> tuple[HostArray, dict[str, list[str]]]:
    """What `read_records` gives, or Doubt."""
    header = read_first_line(file, dialect.separator)
    at = [header.index(name) for name in numbers]
    found: dict[str, list[str]] = {name: [] for name in texts}
    values, rows = array("d"), 0
    for block in _blocks(file, _quoted_cell(dialect.separator)):
        ends = _cell_ends(block, dialect.separator, len(header))
        if ends is None:
            block = _filled(block)
            ends = _cell_ends(block, dialect.separator, len(header))
        if ends is None:
            raise Doubt
        for name, cells in found.items():
            cells += _texts(block, ends, header.index(name), name in gaps)
        if at:
            values.frombytes(_numbers(block, dialect, at, len(ends)).data.cast("B"))
        rows += len(ends)
    return np.frombuffer(values, dtype=np.float64).reshape(rows, len(numbers)), found


def read_first_line(file: BinaryIO, separator: str) -> list[str]:
    """The names of the columns in the first line, or Doubt; the file stands behind it."""
    file.seek(0)
    line = file.readline(LONGEST)
    if b"\0" in line or b"\r" in line.removesuffix(b"\r\n") or line.count(b'"') % 2 or not line.endswith(b"\n"):
        raise Doubt
    text = _decoded(line).removeprefix("\ufeff").removesuffix("\n").removesuffix("\r")
    try:
        (names,) = csv.reader([text], delimiter=separator, strict=True, skipinitialspace=True)
    except (csv.Error, ValueError) as cause:
        raise Doubt from cause
    if not names:  # a blank line
        raise Doubt
    return [name.strip() for name in names]


def _quoted_cell(separator: str) -> re.Pattern[bytes]:
    """A cell in quotes that need not be: there is no quote, separator or end of a line in it."""
    sign = re.escape(separator.encode())
    return re.compile(rb'(?<![^%b\n])"([^"%b\n]*)"(?![^%b\n])' % (sign, sign, sign))


def _blocks(file: BinaryIO, quoted: re.Pattern[bytes]) -> Iterator[bytes]:
    """The rest of the file in blocks of whole lines that end in "\\n"."""
    rest = b""
    while more := file.read(BLOCK):
        block = rest + more
        cut = block.rfind(b"\n") + 1
        rest = block[cut:]
        if len(rest) > LONGEST:
            raise Doubt
        if cut:
            yield _plain(block[:cut], quoted)
    if rest:
        yield _plain(rest + b"\n", quoted)


def _plain(block: bytes, quoted: re.Pattern[bytes]) -> bytes:
    """The block with "\\n" between its lines, and nothing that the csv module could take for something else."""
    if b"\r" in block:
        block = block.replace(b"\r\n", b"\n")
    if b'"' in block:
        block = quoted.sub(rb"\1", block)
    if b'"' in block or b"\0" in block or b"\r" in block:
        raise Doubt
    return block


def _filled(block: bytes) -> bytes:
    """The block without its blank lines."""
    while b"\n\n" in block:
        block = block.replace(b"\n\n", b"\n")
    return block.removeprefix(b"\n")


def _cell_ends(block: bytes, separator: str, width: int) -> HostArray | None:
    """Where each cell ends: (rows, width); None where rows are blank or of different widths."""
    signs = np.frombuffer(block, np.uint8)
    found = np.flatnonzero((signs == ord(separator)) | (signs == NEWLINE))
    if len(found) % width:
        return None
    ends = found.reshape(-1, width)
    lines = signs[ends] == NEWLINE
    if not lines[:, -1].all() or lines[:, :-1].any():
        return None
    lengths = np.diff(ends[:, -1], prepend=-1)
    if lengths.max(initial=0) > LONGEST:
        raise Doubt
    return ends if lengths.min(initial=2) > 1 else None


def _texts(block: bytes, ends: HostArray, at: int, gaps: bool) -> list[str]:
    """The cells of the column number `at`, none empty but with `gaps`."""
    starts = ends[:, at - 1] + 1 if at else np.concatenate(([0], ends[:-1, -1] + 1))
    spans = zip(starts.tolist(), ends[:, at].tolist(), strict=True)
    text = _decoded(b"\n".join([block[start:end] for start, end in spans]))
    cells = [cell.strip() for cell in text.split("\n")]
    if not (gaps or all(cells)):
        raise Doubt
    return cells


def _numbers(block: bytes, dialect: Dialect, at: Sequence[int], rows: int) -> HostArray:
    """float64 (rows, n) of the columns whose numbers are `at`."""
    if dialect.decimal != ".":  # a point is no part of a number then, nor is an underscore
        block = block.translate(bytes.maketrans(f"{dialect.decimal}.".encode(), b"._"))
    lines = _decoded(block).split("\n")[:-1]
    try:
        values = np.loadtxt(lines, delimiter=dialect.separator, comments=None, usecols=at, ndmin=2)
    except ValueError as cause:
        raise Doubt from cause
    if values.shape != (rows, len(at)):
        raise Doubt
    return values


def _decoded(text: bytes) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError as cause:
        raise Doubt from cause
