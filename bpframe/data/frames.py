"""Data frames as arrays of numbers: read at once where NumPy makes numbers of them, else column by column.

Shapes: x (N, n) rows.
"""

from __future__ import annotations

import reprlib

import numpy as np

from bpframe.data.columns import NamedRows, column_names
from bpframe.data.dense import REMEDIES, as_dense, as_real, first_other, kind_of
from bpframe.data.table_types import column_reader, listed_types
from bpframe.errors import DataError
from bpframe.types import HostArray

CATEGORIES = ("category", "dictionary", "Categorical", "Enum")  # how types of columns that hold categories begin
ENCODE = "One-hot encode it, as pandas.get_dummies(x, columns=[{name!r}]) does"


def as_real_rows(x: object, who: str) -> HostArray:
    """The numbers of rows or of a table; DataError that names column, type and row for what is none."""
    names = column_names(x, who)
    if names is None:
        return as_real(as_dense(x, who), who)
    types = list(x.kinds) if isinstance(x, NamedRows) else listed_types(x) or ["object"] * len(names)
    if categories := [i for i, kind in enumerate(types) if kind.startswith(CATEGORIES)]:
        name = names[categories[0]]
        codes = "or take the number of each category, where they have an order"
        raise DataError(_text(who, name, types[categories[0]], "categories", f"{ENCODE.format(name=name)}, {codes}"))
    if (whole := _whole(x, who)) is not None and whole.dtype.kind in "biuf":
        return whole
    column = column_reader(x) or as_dense(x, who).T.__getitem__
    places = enumerate(zip(names, types, strict=True))
    columns = [_real_column(column(i), (who, name, kind)) for i, (name, kind) in places]
    return np.array([c.astype(np.uint8) if c.dtype.kind == "b" else c for c in columns]).T


def _whole(x: object, who: str) -> HostArray | None:
    """The table as one array; None where it would be one of objects, or of numbers in the place of dates (polars)."""
    if not isinstance(x, NamedRows) and len(set(listed_types(x) or ())) > 1:
        return None
    try:
        return as_dense(x, who)
    except DataError as error:
        if isinstance(error.__cause__, TypeError) and column_reader(x):
            return None
        raise


def _real_column(column: object, where: tuple[str, str, str]) -> HostArray:
    who, name, kind = where
    array = as_dense(column, f"{who}, column '{name}',")
    if array.ndim != 1:
        raise DataError(_text(who, name, kind, "arrays", REMEDIES["an array"]))
    if array.dtype.kind in "biuf":
        return array
    row = first_other(array) if array.dtype.kind == "O" else 0
    if row is None:
        return as_real(array, who)
    value = array[row] if array.dtype.kind in "Mm" else array.tolist()[row]
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
