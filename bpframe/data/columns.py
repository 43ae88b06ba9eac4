"""Columns of rows by name: what files and data frames say of them, and rows in the order that a model has learned.

x (N, n) rows. Columns that are numbered 0 .. n - 1 have no names: they go by position.
"""

from __future__ import annotations

import sys
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple, TypeGuard, final

import numpy as np

from bpframe.data.arguments import suggestion
from bpframe.data.ready_rows import ReadyRows
from bpframe.data.table_types import ArrowLike, PandasLike, PolarsLike, listed_names, refuse_lazy
from bpframe.errors import ColumnWarning, DataError
from bpframe.types import HostArray

Names = tuple[str, ...]


class Numbering(NamedTuple):
    """The number of the first column in a file of numbered columns, and whether that was set: it is guessed otherwise.

    What such a file leaves out is 0, whole columns too.
    """

    first: int
    set: bool


@final
@dataclass(frozen=True)
class NamedRows:
    """Rows x (N, n) whose n columns have names and kinds ("float", "int", "bool", "text").

    `numbering`: how a sparse file numbers them; their names are the numbers that it writes. `ready`: the same rows in
    the dtype of a run, if they were converted for one as they were read; `values` do not change from then on.
    """

    values: HostArray
    columns: tuple[str, ...]
    kinds: tuple[str, ...]
    numbering: Numbering | None = None
    ready: ReadyRows | None = field(default=None, repr=False, compare=False)

    @staticmethod
    def numbered(values: HostArray, numbering: Numbering) -> NamedRows:
        """Rows whose columns have numbers."""
        n = values.shape[1]
        return NamedRows(values, _numbers(n, numbering.first), ("float",) * n, numbering)

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, rows: HostArray | slice) -> NamedRows:
        """The rows of these numbers, under the same names."""
        return replace(self, values=self.values[rows], ready=None)


def column_names(x: object, who: str = "x") -> Names | None:
    """The names of a table's columns as text, None for arrays; DataError for two of one name.

    Tables: NamedRows, pandas, polars, pyarrow, and what has `columns` or the interchange protocol as they do.
    """
    if isinstance(x, (np.ndarray, list, tuple)):  # a union would be made anew at each call
        return None
    refuse_lazy(x, who)
    names = x.columns if isinstance(x, NamedRows) else listed_names(x)
    if names is None:
        return None
    found = tuple(map(str, names))
    if len(set(found)) < len(found):
        name, times = Counter(found).most_common(1)[0]
        raise DataError(f"{who} needs columns of different names, got '{name}' {times} times. Rename one.")
    return found


def learned_names(x: object) -> Names | None:
    """The names that a model learns of its first rows."""
    names = column_names(x)
    if isinstance(x, NamedRows) and x.numbering is not None:
        return names  # also where they are 0 .. n - 1: that is how other files are to be read
    return None if names is None or names == _numbers(len(names)) else names


def in_order(x: object, known: Names | None, who: str = "x") -> object:
    """The rows x with the columns that a model knows, in its order; as they are where names say nothing of it.

    Columns that it does not know are left out, with a ColumnWarning; one that is missing is a DataError.
    """
    given = column_names(x, who)
    if given is None or given == known:
        return x
    if isinstance(x, NamedRows) and x.numbering is not None and _are_numbers(known):
        return _by_number(x, x.numbering, int(known[0]), len(known), who)
    numbers = _numbers(len(given))
    if known is None and given != numbers and set(given) == set(numbers):
        known = numbers  # a permutation of positions
    if known is None or (given == numbers and set(given) != set(known)):
        return x
    if missing := [name for name in known if name not in given]:
        raise DataError(_missing_text(missing, given, known, who))
    if extra := [name for name in given if name not in known]:
        message = f"{who} has columns that the model does not know, and leaves out: {name_list(extra)}."
        warn_caller(message, ColumnWarning)
    at = {name: i for i, name in enumerate(given)}
    return take_columns(x, [at[name] for name in known])


def take_columns(x: object, places: Sequence[int]) -> object:
    """The columns of a table at these places, in this order, as a table where its library can."""
    if isinstance(x, NamedRows):
        names, kinds = (tuple(one[i] for i in places) for one in (x.columns, x.kinds))
        return NamedRows(x.values[:, places], names, kinds)
    if isinstance(x, PandasLike):
        return x.iloc[:, list(places)]
    if isinstance(x, PolarsLike | ArrowLike):
        listed = listed_names(x) or []
        return x.select([listed[i] for i in places])
    return np.asarray(x)[:, places]


def _by_number(x: NamedRows, own: Numbering, first: int, width: int, who: str) -> NamedRows:
    """Rows of a sparse file in `width` columns numbered from `first` on, as the model knows them.

    A file that does not say where its numbers start means what that of the first fit meant.
    """
    if not own.set and own.first < first:
        raise DataError(
            f"{who} has a column {own.first}, but the first fit's columns were numbered from {first} on. One of the "
            "files leaves its first column out: set zero_based of both sources, or number both files alike."
        )
    shift = 0 if own.set else own.first - first
    kept = max(min(x.values.shape[1], width - shift), 0)
    if beyond := [name for name, column in zip(x.columns[kept:], x.values.T[kept:], strict=True) if column.any()]:
        message = f"{who} has columns that the model does not know, and leaves out: {name_list(beyond)}."
        warn_caller(message, ColumnWarning)
    values = np.zeros((len(x), width), x.values.dtype)
    values[:, shift : shift + kept] = x.values[:, :kept]
    return NamedRows.numbered(values, own._replace(first=first))


def _are_numbers(names: Names | None) -> TypeGuard[Names]:
    """Whether names are numbers in a row, from 0 or 1 on."""
    return names is not None and any(names == _numbers(len(names), first) for first in (0, 1))


def _numbers(n: int, first: int = 0) -> Names:
    return tuple(map(str, range(first, first + n)))


def _missing_text(missing: Sequence[str], given: Names, known: Names, who: str) -> str:
    several = "the columns" if len(missing) > 1 else "a column"
    hint = suggestion(missing[0], [name for name in given if name not in known])
    return (
        f"{who} needs {several} {name_list(missing)}, as in the first fit, got {name_list(given)}.{hint} Rename or add "
        "what is missing; without names (to_numpy()) columns go by position."
    )


def name_list(names: Sequence[str], most: int = 10) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(f"'{name}'" for name in names[:most]) + more


def warn_caller(message: str, category: type[Warning]) -> None:
    """A warning at the line that called bpframe, however deep that is."""
    frame, level = sys._getframe(), 1
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == "bpframe":
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)
