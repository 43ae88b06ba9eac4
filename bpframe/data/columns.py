"""Columns of rows by name: what files and data frames say of them, and rows in the order that a model has learned.

x (N, n) rows. Columns that are numbered 0 .. n - 1 have no names: they go by position.
"""

from __future__ import annotations

import sys
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, final

import numpy as np

from bpframe.data.arguments import suggestion
from bpframe.errors import ColumnWarning, DataError
from bpframe.types import HostArray

Names = tuple[str, ...]
FETCH = ("toPandas", "collect", "compute")  # methods of queries that give their rows


@final
@dataclass(frozen=True)
class NamedRows:
    """Rows x (N, n) whose n columns have names and kinds ("float", "int", "bool", "text")."""

    values: HostArray
    columns: tuple[str, ...]
    kinds: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, rows: Any) -> NamedRows:
        """The rows of these numbers, under the same names."""
        return replace(self, values=self.values[rows])


def refuse_lazy(values: object, name: str) -> None:
    """DataError for a query or a table of rows that are not in memory."""
    if hasattr(values, "__array__"):
        return
    for method in FETCH:
        if hasattr(type(values), method):
            kind = type(values).__name__
            raise DataError(f"{name} needs rows in memory, got a {kind}. Call .{method}() on it first.")


def column_names(x: object, who: str = "x") -> Names | None:
    """The names of a table's columns as text, None for arrays; DataError for two of one name.

    Tables: NamedRows, pandas, polars, pyarrow, and what has `columns` or the interchange protocol as they do.
    """
    if isinstance(x, np.ndarray | list | tuple):
        return None
    refuse_lazy(x, who)
    names = getattr(x, "column_names", None)  # pyarrow, whose `columns` are the columns themselves
    names = getattr(x, "columns", None) if names is None else names
    if names is None and hasattr(x, "__dataframe__"):
        names = x.__dataframe__().column_names()
    if names is None or callable(names):
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


def in_order(x: Any, known: Names | None, who: str = "x") -> Any:
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
        _warn(f"{who} has columns that the model does not know, and leaves out: {_listing(extra)}.")
    at = {name: i for i, name in enumerate(given)}
    return take_columns(x, [at[name] for name in known])


def take_columns(x: Any, places: Sequence[int]) -> Any:
    """The columns of a table at these places, in this order, as a table where its library can."""
    if isinstance(x, NamedRows):
        names, kinds = (tuple(one[i] for i in places) for one in (x.columns, x.kinds))
        return NamedRows(x.values[:, places], names, kinds)
    if hasattr(x, "iloc"):
        return x.iloc[:, list(places)]
    if hasattr(x, "select"):
        names = column_names(x) or ()
        return x.select([names[i] for i in places])
    return np.asarray(x)[:, places]


def _numbers(n: int) -> Names:
    return tuple(map(str, range(n)))


def _missing_text(missing: Sequence[str], given: Names, known: Names, who: str) -> str:
    several = "columns" if len(missing) > 1 else "a column"
    hint = suggestion(missing[0], [name for name in given if name not in known])
    return (
        f"{who} needs {several} {_listing(missing)}, as in the first fit, got {_listing(given)}.{hint} Rename or add "
        "what is missing; without names (to_numpy()) columns go by position."
    )


def _listing(names: Sequence[str], most: int = 10) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(f"'{name}'" for name in names[:most]) + more


def _warn(message: str) -> None:
    """A ColumnWarning at the line that called bpframe, however deep that is."""
    frame, level = sys._getframe(), 1
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == "bpframe":
        frame, level = frame.f_back, level + 1
    warnings.warn(message, ColumnWarning, stacklevel=level)
