"""Blocks of delimited text, read fast: whole lines at a time by NumPy's parser, which rounds as Python's does.

What the csv module could read in another way raises `Doubt`: quotes, rows of another width, whatever is no number.
Then `bpframe_sources.records` reads the file again, and names what is wrong with it, if anything is.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
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
    file: BinaryIO, dialect: Dialect, numbers: Sequence[str], texts: Sequence[str]
) -> tuple[HostArray, dict[str, list[str]]]:
    """What `read_records` gives, or Doubt."""
    header = _header(file, dialect.separator)
    at = [header.index(name) for name in numbers]
    found: dict[str, list[str]] = {name: [] for name in texts}
    values = array("d")
    for block in _blocks(file):
        ends = _cell_ends(block, dialect.separator, len(header))
        for name, cells in found.items():
            cells += _texts(block, ends, header.index(name))
        values.frombytes(_numbers(block, dialect, at, len(ends)).data.cast("B"))
    return np.frombuffer(values, dtype=np.float64).reshape(-1, len(numbers)), found


def _header(file: BinaryIO, separator: str) -> list[str]:
    """The names of the columns in the first line; the file stands behind it."""
    file.seek(0)
    line = file.readline(LONGEST)
    if b'"' in line or b"\0" in line or b"\r" in line.removesuffix(b"\r\n") or not line.endswith(b"\n"):
        raise Doubt
    names = [name.strip() for name in _decoded(line).removeprefix("\ufeff").split(separator)]
    if names == [""]:
        raise Doubt
    return names


def _blocks(file: BinaryIO) -> Iterator[bytes]:
    """The rest of the file in blocks of whole lines that end in "\\n"."""
    rest = b""
    while more := file.read(BLOCK):
        block = rest + more
        cut = block.rfind(b"\n") + 1
        rest = block[cut:]
        if len(rest) > LONGEST:
            raise Doubt
        if cut and (lines := _plain(block[:cut])):
            yield lines
    if rest and (lines := _plain(rest + b"\n")):
        yield lines


def _plain(block: bytes) -> bytes:
    """The block with "\\n" between its lines, and nothing that the csv module could take for something else."""
    block = block.replace(b"\r\n", b"\n")
    while b"\n\n" in block:
        block = block.replace(b"\n\n", b"\n")
    block = block.removeprefix(b"\n")
    if b'"' in block or b"\0" in block or b"\r" in block:
        raise Doubt
    return block


def _cell_ends(block: bytes, separator: str, width: int) -> HostArray:
    """Where each cell ends: (rows, width)."""
    signs = np.frombuffer(block, np.uint8)
    found = np.flatnonzero((signs == ord(separator)) | (signs == NEWLINE))
    if len(found) % width:
        raise Doubt
    ends = found.reshape(-1, width)
    lines = signs[ends] == NEWLINE
    if not lines[:, -1].all() or lines[:, :-1].any() or np.diff(ends[:, -1], prepend=-1).max() > LONGEST:
        raise Doubt
    return ends


def _texts(block: bytes, ends: HostArray, at: int) -> list[str]:
    """The cells of the column number `at`."""
    starts = ends[:, at - 1] + 1 if at else np.concatenate(([0], ends[:-1, -1] + 1))
    spans = zip(starts.tolist(), ends[:, at].tolist(), strict=True)
    cells = [_decoded(block[start:end]).strip() for start, end in spans]
    if not all(cells):
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
