"""The selection of columns from a table: which is the target, which are inputs.  N rows, n inputs."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO, final

import numpy as np

from bpframe.data.arguments import suggestion
from bpframe.data.columns import NamedRows
from bpframe.data.sources.cells import listing, parse_cells, parse_number, parse_target
from bpframe.errors import DataError
from bpframe.protocols import Select, SelectGaps, Source
from bpframe.protocols.implements import implements
from bpframe.types import HostArray

KINDS = {"b": "bool", "i": "int", "u": "int", "f": "float", "T": "text", "U": "text"}  # by NumPy's letter
NUMBERS = "biuf"


@final
@dataclass(frozen=True)
class Rows:
    """Rows of a file: inputs x, labels or numbers y, texts `ids` of a column that is kept, weights; None where none."""

    x: NamedRows | HostArray
    y: HostArray | None = None
    ids: HostArray | None = None
    weight: HostArray | None = None


@final
@dataclass(frozen=True)
class Selection:
    """Names of columns: the target, or several, an id, weights, and the inputs, by default all others.

    Of rows to predict (`lenient`) the target, weights and what is left out may be missing. `text`: labels are text
    whatever they look like. `gaps`: columns of the target
    in which cells may be empty.
    """

    target: str | Sequence[str] | None = None
    columns: Sequence[str] | None = None
    exclude: Sequence[str] = ()
    id: str | None = None
    lenient: bool = False
    text: bool = False
    weight: str | None = None
    gaps: Collection[str] = ()

    @property
    def targets(self) -> tuple[str, ...]:
        """The names of the target's columns."""
        return column_list(self.target)

    def inputs(self, names: Sequence[str]) -> list[str]:
        """The names of the inputs among a file's columns; DataError for a name that they lack, or no input at all."""
        self._require(names)
        others = [*self.targets, self.id, self.weight]
        if self.columns is not None:
            return list(self.columns)
        chosen = [name for name in names if name not in others and name not in self.exclude]
        if not chosen:
            besides = " and ".join(f"'{name}'" for name in others if name is not None) or "those left out"
            raise DataError(f"needs a column of inputs besides {besides}, got none. Add one.")
        if "" in chosen:  # what pandas writes in front of its row numbers
            remedy = "Name it or leave it out; if pandas wrote row numbers there: to_csv(..., index=False)."
            raise DataError(f"needs a name for each input, got none for column {names.index('') + 1}. {remedy}")
        return chosen

    def others(self, names: Sequence[str]) -> list[str]:
        """The target, the id and the weights, those of them that the file has."""
        wanted = dict.fromkeys((*self.targets, self.id, self.weight))
        return [name for name in wanted if name is not None and name in names]

    def _require(self, names: Sequence[str]) -> None:
        _refuse_doubles(names)
        _refuse_doubles(self.columns or ())
        for name in () if self.lenient else self.targets:
            _require_name("a target column", name, names)
        if self.id is not None:
            _require_name("an id column", self.id, names)
        if self.weight is not None and not self.lenient:
            _require_name("a column of weights", self.weight, names)
        for name in self.columns or ():
            _require_name("an input column", name, names)
        for name in () if self.lenient else self.exclude:
            _require_name("a column to leave out", name, names)
        if not {*self.targets} & {*names} and _looks_like_data(names):
            raise DataError(f"needs names of columns in its first line, got {listing(names)}. Add a header.")


def table_rows(source: Source, file: BinaryIO, selection: Selection) -> Rows:
    """The rows of a table, inputs as numbers."""
    if isinstance(source, Select):
        names = source.names(file)
        inputs, others = selection.inputs(names), selection.others(names)
        if selection.gaps and implements(source, SelectGaps):
            x, texts = source.select_gaps(file, inputs, others, selection.gaps)
        else:
            x, texts = source.select(file, inputs, others)
        return _rows(selection, NamedRows(x, tuple(inputs), ("float",) * len(inputs)), texts)
    table = source.read(file)
    names = list(table)
    inputs = selection.inputs(names)
    rows = len(_column(table, inputs[0]))
    return _rows(
        selection, _stacked(table, inputs, rows), {name: np.asarray(table[name]) for name in selection.others(names)}
    )


def _rows(selection: Selection, x: NamedRows, others: Mapping[str, HostArray | Sequence[str]]) -> Rows:
    """Rows whose cells of text are what they say."""
    if len(x) == 0:
        raise DataError("needs at least one row below its header, got none. Add rows.")
    columns = [(name, others.get(name)) for name in selection.targets]
    y = _target(selection, dict(columns))
    ids, weight = (others.get(name or "") for name in (selection.id, selection.weight))
    for name, column in (*columns, (selection.id, ids), (selection.weight, weight)):
        if column is not None and len(column) != len(x):
            raise DataError(f"needs columns of one length, got {len(x)} and, in '{name}', {len(column)}.")
    if weight is not None:
        name, cells = str(selection.weight), weight if isinstance(weight, np.ndarray) else parse_cells(weight)
        weight = _column({name: cells}, name)
    return Rows(x, y, None if ids is None else np.asarray(ids), weight)


def column_list(target: str | Sequence[str] | None) -> tuple[str, ...]:
    """The names of columns, of which there may be one or none."""
    return () if target is None else (target,) if isinstance(target, str) else tuple(target)


def _target(selection: Selection, columns: Mapping[str, HostArray | Sequence[str] | None]) -> HostArray | None:
    """y (N,) of one column; of several a structured array, whose fields they are; None where one is missing."""
    parts: dict[str, HostArray] = {}
    for name, column in columns.items():
        if column is None:
            return None
        if isinstance(column, np.ndarray):
            parts[name] = column
        else:
            parts[name] = parse_target(column, selection.text, len(columns) > 1)
    if isinstance(selection.target, str) or not parts:
        return next(iter(parts.values()), None)
    rows = min(map(len, parts.values()))
    records = np.empty(rows, [(name, part.dtype) for name, part in parts.items()])
    for name, part in parts.items():
        records[name] = part[:rows]
    return records


def _stacked(table: Mapping[str, HostArray], inputs: Sequence[str], rows: int) -> NamedRows:
    """Columns side by side in the dtype that holds them all."""
    dtypes = [_column(table, name).dtype for name in inputs]
    x = np.empty((rows, len(inputs)), np.result_type(*dtypes))
    for i, name in enumerate(inputs):
        column = _column(table, name)
        if len(column) != rows:
            raise DataError(f"needs columns of one length, got {rows} and, in '{name}', {len(column)}.")
        x[:, i] = column
    return NamedRows(x, tuple(inputs), tuple(KINDS[dtype.kind] for dtype in dtypes))


def _column(table: Mapping[str, HostArray], name: str) -> HostArray:
    """A column of numbers (N,)."""
    column = np.asarray(table[name])
    if column.ndim != 1:
        raise DataError(f"column '{name}' needs one value a row, got rows of shape {column.shape[1:]}.")
    if column.dtype.kind not in NUMBERS:
        shown = ", ".join(repr(value)[:60] for value in column[:3].tolist())
        raise DataError(f"column '{name}' needs numbers, got {column.dtype} ({shown}). Encode it, or leave it out.")
    return column


def _require_name(what: str, name: str, names: Sequence[str]) -> None:
    if name not in names:
        hint = suggestion(name, names) if len(names) > 1 else " If another sign separates columns, set separator."
        raise DataError(f"needs {what} '{name}', got {listing(names)}.{hint}")


def _refuse_doubles(names: Sequence[str]) -> None:
    if len(set(names)) < len(names):
        name = next(name for name in names if names.count(name) > 1)
        at = " and ".join(str(i) for i, other in enumerate(names, 1) if other == name)
        raise DataError(f"needs different names of columns, got '{name}' in columns {at}. Rename one.")


def _looks_like_data(names: Sequence[str]) -> bool:
    """Whether all names are numbers, as when the header is missing; 0, 1, 2, ... is how some tools name columns."""
    return all(map(_is_number, names)) and list(names) != [str(i) for i in range(len(names))]


def _is_number(name: str) -> bool:
    try:
        parse_number(name)
    except ValueError:
        return False
    return True


def describe_columns(table: Mapping[str, HostArray]) -> dict[str, str]:
    """The kind of each column by name: "float", "int", "bool", "text"; "other" for what cannot be taken."""
    return {name: _kind(table, name) for name in table}


def _kind(table: Mapping[str, HostArray], name: str) -> str:
    try:
        return KINDS.get(np.asarray(table[name]).dtype.kind, "other")
    except DataError:
        return "other"
