"""The laws of sources: columns of a file in memory.  columns (N,).

A source that has `example() -> (content, columns)`, the bytes of a small file and what is in it by name, is read.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from functools import partial
from typing import Any, cast

import numpy as np

from bpframe.protocols import LineOfRow, Numbered, Select, SelectGaps, Source
from bpframe.protocols.implements import implements
from bpframe.protocols.traits import holds_arrays
from bpframe.testing.laws.comparison import require
from bpframe.testing.report import Check, SkipCheck
from bpframe.types import HostArray


def source_checks(source: Source) -> dict[str, Check]:
    """The checks by name."""
    return {
        "suffixes": partial(_suffixes, source),
        "values": partial(_values, source),
        "determinism": partial(_determinism, source),
        "select": partial(_select, source),
        "damage": partial(_damage, source),
        **({"gaps": partial(_gaps, source)} if implements(source, SelectGaps) else {}),
        **({"lines": partial(_lines, source)} if implements(source, LineOfRow) else {}),
        **({"numbers": partial(_numbers, source)} if implements(source, Numbered) else {}),
    }


def _suffixes(source: Source) -> None:
    """Ends of names in lower case, declared by the class, since they are read before one is built."""
    declared = getattr(type(source), "suffixes", ())
    require(isinstance(declared, tuple) and declared, f"the class must declare a tuple of suffixes, got {declared!r}")
    for suffix in declared:
        right = isinstance(suffix, str) and suffix[:1] == "." and len(suffix) > 1 and suffix == suffix.lower()
        require(right, f"a suffix must be a text such as '.csv', in lower case, got {suffix!r}")
        require(suffix != ".gz", "a suffix must not be .gz: the core unpacks such files")


def _example(source: Any) -> tuple[bytes, Mapping[str, HostArray]]:
    if not hasattr(source, "example"):
        raise SkipCheck("it has no example() -> (bytes of a file, its columns by name)")
    content, columns = source.example()
    return content, columns


def _read(source: Source, content: bytes) -> dict[str, HostArray]:
    """The columns of a file, of one length and of types that the core takes."""
    file = io.BytesIO(content)
    table = source.read(file)
    columns = {name: table[name] for name in table}
    require(not file.closed, "the file must stay open: the core closes it")
    _require_columns(columns, holds_arrays(source))
    return columns


def _require_columns(columns: Mapping[str, HostArray], arrays: bool) -> None:
    require(all(isinstance(name, str) for name in columns), f"names of columns must be text, got {list(columns)}")
    for name, column in columns.items():
        right = isinstance(column, np.ndarray) and column.dtype.kind in "biufUT"
        require(right, f"column '{name}' must be an array of numbers, booleans or text, got {column!r}")
        one = arrays or column.ndim == 1
        require(one, "columns must have one value a row; a source of arrays x and y declares arrays = True")
    lengths = {len(column) for column in columns.values()}
    require(len(lengths) <= 1, f"columns must have one length, got {sorted(lengths)}")


def _values(source: Source) -> None:
    """What the example says, in its order."""
    content, expected = _example(source)
    columns = _read(source, content)
    require(list(columns) == list(expected), f"columns must be {list(expected)}, got {list(columns)}")
    for name, column in columns.items():
        want = np.asarray(expected[name])
        require(np.array_equal(column, want), f"column '{name}' must be {want!r}, got {column!r}")


def _determinism(source: Source) -> None:
    """The same file gives the same columns."""
    content, _ = _example(source)
    first, second = _read(source, content), _read(source, content)
    same = all(first[name].dtype == second[name].dtype and np.array_equal(first[name], second[name]) for name in first)
    require(same, "reading a file again must give the same columns")


def _select(source: Source) -> None:
    """`names` and `select` give what `read` gives, numbers as float64."""
    content, _ = _example(source)
    if not isinstance(source, Select):
        raise SkipCheck("it has no select: the core takes columns of what it reads")
    columns = _read(source, content)
    names = list(source.names(io.BytesIO(content)))
    require(names == list(columns), f"names must be those that read gives, {list(columns)}, got {names}")
    numbers = [name for name, column in columns.items() if column.dtype.kind in "iuf"][::-1]
    texts = [name for name in columns if name not in numbers]
    x, cells = source.select(io.BytesIO(content), numbers, texts)
    right = isinstance(x, np.ndarray) and x.dtype == np.float64
    require(right and x.shape[1:] == (len(numbers),), f"select must give float64 (N, {len(numbers)}), got {x!r}")
    for i, name in enumerate(numbers):
        require(np.array_equal(x[:, i], columns[name]), f"select must give column '{name}' as read does")
    require(list(cells) == texts, f"select must give the cells of {texts}, got {list(cells)}")
    for name in texts:
        require(list(cells[name]) == columns[name].tolist(), f"select must give the cells of '{name}' as read does")


def _gaps(source: Any) -> None:
    """`select_gaps` gives what `select` gives where no cell is empty."""
    content, _ = _example(source)
    names = list(source.names(io.BytesIO(content)))
    (x, want), (same, cells) = (
        source.select(io.BytesIO(content), [], names),
        source.select_gaps(io.BytesIO(content), [], names, names),
    )
    alike = np.array_equal(same, x) and all(list(cells.get(name, ())) == list(want[name]) for name in want)
    require(alike, "select_gaps must give what select gives where no cell is empty")


def _lines(source: Source) -> None:
    """The file up to the line of a row holds the rows up to that one."""
    content, _ = _example(source)
    lines = content.splitlines(keepends=True)
    rows = len(next(iter(_read(source, content).values())))
    for row in range(rows):
        line = cast(LineOfRow, source).line_of(io.BytesIO(content), row)
        found = _read(source, b"".join(lines[:line])) if type(line) is int and line <= len(lines) else {}
        right = {len(column) for column in found.values()} == {row + 1}
        require(right, f"line_of must give the line on which row {row} ends, got {line!r}")


def _numbers(source: Source) -> None:
    """`numbered` gives what `read` gives, and a whole number at which its columns start."""
    content, _ = _example(source)
    columns = _read(source, content)
    arrays, first, is_set = cast(Numbered, source).numbered(io.BytesIO(content))
    same = list(arrays) == list(columns) and all(np.array_equal(arrays[name], columns[name]) for name in columns)
    require(same, "numbered must give the arrays that read gives")
    require(type(first) is int and first >= 0, f"numbered must give a whole number of at least 0, got {first!r}")
    require(type(is_set) is bool, f"numbered must say True or False for whether that is set, got {is_set!r}")


def _damage(source: Source) -> None:
    """A file that is empty, cut short or of something else is an exception or a table; it ends no program."""
    content, _ = _example(source)
    for damaged in (b"", content[: len(content) // 2], content[::-1], bytes(64)):
        try:
            table = source.read(io.BytesIO(damaged))
            columns = {name: table[name] for name in table}
        except Exception:
            continue
        except BaseException as error:
            require(False, f"a damaged file must raise an Exception, got {error!r}")
        _require_columns(columns, holds_arrays(source))
