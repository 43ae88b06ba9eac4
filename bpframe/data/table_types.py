"""Table types of other libraries, known by what they offer: none of the libraries is imported.

n columns, by place 0 .. n - 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol, runtime_checkable

from bpframe.errors import DataError
from bpframe.types import HostArray

FETCH = ("toPandas", "collect", "compute")  # methods of queries that give their rows


@runtime_checkable
class ArrayOffer(Protocol):
    """An object that NumPy can ask for an array."""

    def __array__(self) -> HostArray:
        """All of its values."""


@runtime_checkable
class PandasLike(Protocol):
    """A frame of pandas, or of a library after its model: dask, modin, cuDF."""

    columns: Iterable[Any]
    dtypes: Iterable[Any]
    iloc: Any


@runtime_checkable
class PolarsLike(Protocol):
    """A frame of polars."""

    columns: Iterable[Any]
    dtypes: Iterable[Any]
    to_series: Callable[[int], object]
    select: Callable[[Sequence[str]], object]


@runtime_checkable
class ArrowLike(Protocol):
    """A table or a record batch of pyarrow, whose `columns` are the columns themselves."""

    column_names: Iterable[Any]
    schema: Any
    column: Callable[[int], object]
    select: Callable[[Sequence[str]], object]


@runtime_checkable
class WithColumns(Protocol):
    """Any other table: its names, and the whole of it as an array."""

    columns: Iterable[Any]


@runtime_checkable
class Interchange(Protocol):
    """A table with the interchange protocol."""

    def __dataframe__(self) -> Any:
        """Its names and columns."""


def refuse_lazy(values: object, name: str) -> None:
    """DataError for a query or a table of rows that are not in memory."""
    if isinstance(values, ArrayOffer):
        return
    for method in FETCH:
        if hasattr(type(values), method):
            kind = type(values).__name__
            raise DataError(f"{name} needs rows in memory, got a {kind}. Call .{method}() on it first.")


def listed_names(x: object) -> list[Any] | None:
    """The names of a table's columns as it has them; None for what is no table."""
    if isinstance(x, ArrowLike):
        return list(x.column_names)
    if isinstance(x, WithColumns):
        return None if callable(x.columns) else list(x.columns)
    return list(x.__dataframe__().column_names()) if isinstance(x, Interchange) else None


def listed_types(x: object) -> list[str] | None:
    """The type of each column, as the table's library calls it; None where it does not say."""
    if isinstance(x, ArrowLike):
        return list(map(str, x.schema.types))
    return list(map(str, x.dtypes)) if isinstance(x, PandasLike | PolarsLike) else None


def column_reader(x: object) -> Callable[[int], object] | None:
    """What gives the column at a place, as the library has it; None where the library is not known."""
    if isinstance(x, PandasLike):
        return lambda i: x.iloc[:, i]
    if isinstance(x, PolarsLike):
        return x.to_series
    return x.column if isinstance(x, ArrowLike) else None
