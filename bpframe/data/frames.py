"""Data frames as arrays of numbers: read at once where NumPy makes numbers of them, else column by column.

Shapes: x (N, n) rows.
"""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from bpframe.data.columns import NamedRows, column_names
from bpframe.data.dense import REMEDIES, as_dense, as_real, first_other, kind_of
from bpframe.errors import DataError
from bpframe.types import HostArray

CATEGORIES = ("category", "dictionary", "Categorical", "Enum")  # how types of columns that hold categories begin
ENCODE = "One-hot encode it, as pandas.get_dummies(x, columns=[{name!r}]) does"


def as_real_rows(x: Any, who: str) -> HostArray:
    """The numbers of rows or of a table; DataError that names column, type and row for what is none."""
    names = column_names(x, who)
    if names is None:
        return as_real(as_dense(x, who), who)
    types = _types(x, len(names))
    if categories := [i for i, kind in enumerate(types) if kind.startswith(CATEGORIES)]:
        name = names[categories[0]]
        codes = "or take the number of each category, where they have an order"
        raise DataError(_text(who, name, types[categories[0]], "categories", f"{ENCODE.format(name=name)}, {codes}"))
    if (whole := _whole(x, who)) is not None and whole.dtype.kind in "biuf":
        return whole
    described = zip(_columns(x, len(names), who), names, types, strict=True)
    columns = [_real_column(column, (who, name, kind)) for column, name, kind in described]
    return np.array([c.astype(np.uint8) if c.dtype.kind == "b" else c for c in columns]).T


def _whole(x: Any, who: str) -> HostArray | None:
    """The table as one array; None where its library would make objects, or finds no type for all of its columns."""
    if hasattr(x, "iloc") and len(set(_types(x, x.shape[1]))) > 1:
        return None
    try:
        return as_dense(x, who)
    except DataError as error:
        if isinstance(error.__cause__, TypeError) and _by_column(x):
            return None
        raise


def _real_column(column: Any, where: tuple[str, str, str]) -> HostArray:
    who, name, kind = where
    array = as_dense(column, f"{who}, column '{name}',")
    if array.ndim != 1:
        raise DataError(_text(who, name, kind, "arrays", REMEDIES["an array"]))
    if array.dtype.kind in "biuf":
        return array
    row = first_other(array) if array.dtype.kind == "O" else 0
    if row is None:
        return as_real(array, who)
    value = array[row] if array.dtype.kind == "M" else array.tolist()[row]
    what = kind_of(value)
    encode = REMEDIES["an object"] if _is_numeric(value) else ENCODE.format(name=name)
    remedy = encode if what == "text" else REMEDIES[what]
    raise DataError(_text(who, name, kind, f"{what}, {reprlib.repr(value)} at row {row}", remedy))


def _is_numeric(text: object) -> bool:
    """Whether it is the text of a number."""
    try:
        float(str(text))
    except ValueError:
        return False
    return True


def _text(who: str, name: str, kind: str, got: str, remedy: str) -> str:
    return f"{who} needs numbers in every column, got {got}, in column '{name}' ({kind}). {remedy}."


def _types(x: Any, n: int) -> list[str]:
    """The type of each column, as the table's library calls it."""
    if isinstance(x, NamedRows):
        return list(x.kinds)
    if hasattr(x, "schema") and hasattr(x.schema, "types"):  # pyarrow
        return list(map(str, x.schema.types))
    types = getattr(x, "dtypes", None)
    return [str(kind) for kind in types] if types is not None and len(types) == n else ["object"] * n


def _columns(x: Any, n: int, who: str) -> Iterator[Any]:
    """The columns one by one, each as its library has it."""
    column = _by_column(x) or as_dense(x, who).T.__getitem__
    yield from map(column, range(n))


def _by_column(x: Any) -> Callable[[int], Any] | None:
    """What gives the column at a place: pandas, polars, pyarrow."""
    if hasattr(x, "iloc"):
        return lambda i: x.iloc[:, i]
    return getattr(x, "to_series", None) or (x.column if hasattr(x, "column_names") else None)
