"""Columns of rows by name: what files and data frames say of them, and rows in the order that a model has learned.

x (N, n) rows. Columns that are numbered 0 .. n - 1 have no names: they go by position.
"""

from __future__ import annotations

import sys
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import final

import numpy as np

from bpframe.data.arguments import suggestion
from bpframe.data.table_types import ArrowLike, PandasLike, PolarsLike, listed_names, refuse_lazy
from bpframe.errors import ColumnWarning, DataError
from bpframe.types import HostArray

Names = tuple[str, ...]


@final
@dataclass(frozen=True)
class NamedRows:
    """Rows x (N, n) whose n columns have names and kinds ("float", "int", "bool", "text")."""

    values: HostArray
    columns: tuple[str, ...]
    kinds: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, rows: HostArray | slice) -> NamedRows:
        """The rows of these numbers, under the same names."""
        return replace(self, values=self.values[rows])


def column_names(x: object, who: str = "x") -> Names | None:
    """The names of a table's columns as text, None for arrays; DataError for two of one name.

    Tables: NamedRows, pandas, polars, pyarrow, and what has `columns` or the interchange protocol as they do.
    """
    if isinstance(x, np.ndarray | list | tuple):
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
    return None if names is None or names == _numbers(len(names)) else names


def in_order(x: object, known: Names | None, who: str = "x") -> object:
    """The rows x with the columns that a model knows, in its order; as they are where names say nothing of it.

    Columns that it does not know are left out, with a ColumnWarning; one that is missing is a DataError.
    """
    given = column_names(x, who)
    if given is None or given == known:
        return x
    numbers = _numbers(len(given))
    if known is None and given != numbers and set(given) == set(numbers):
        known = numbers  # a permutation of positions
    if known is None or (given == numbers and set(given) != set(known)):
        return x
    if missing := [name for name in known if name not in given]:
        raise DataError(_missing_text(missing, given, known, who))
    if extra := [name for name in given if name not in known]:
        message = f"{who} has columns that the model does not know, and leaves out: {_listing(extra)}."
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


def _numbers(n: int) -> Names:
    return tuple(map(str, range(n)))


def _missing_text(missing: Sequence[str], given: Names, known: Names, who: str) -> str:
    several = "the columns" if len(missing) > 1 else "a column"
    hint = suggestion(missing[0], [name for name in given if name not in known])
    return (
        f"{who} needs {several} {_listing(missing)}, as in the first fit, got {_listing(given)}.{hint} Rename or add "
        "what is missing; without names (to_numpy()) columns go by position."
    )


def _listing(names: Sequence[str], most: int = 10) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(f"'{name}'" for name in names[:most]) + more


def warn_caller(message: str, category: type[Warning]) -> None:
    """A warning at the line that called bpframe, however deep that is."""
    frame, level = sys._getframe(), 1
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == "bpframe":
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)
