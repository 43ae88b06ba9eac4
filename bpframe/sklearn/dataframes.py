"""Dataframes as input: an error that names a column without numbers, and names for older versions of scikit-learn.

scikit-learn itself reads numbers and names otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
from sklearn.utils.validation import _get_feature_names

from bpframe.data.columns import NamedRows
from bpframe.data.dense import as_dense, needs_dlpack
from bpframe.data.frames import as_real_rows
from bpframe.data.table_types import listed_names, refuse_lazy
from bpframe.errors import DataError


def with_readable_names(x: Any) -> Any:
    """x, wrapped if it is a dataframe whose column names this scikit-learn cannot read.

    DataError for a query, and for rows of `bpframe.datasets.read_table`, whose names scikit-learn would lose.

    An array that can be read by DLPack alone is read.
    """
    refuse_lazy(x, "X")
    if isinstance(x, NamedRows):
        raise DataError(
            "X needs an array or a dataframe, got rows of read_table, whose column names scikit-learn does not see. "
            "Take pandas.DataFrame(x.values, columns=x.columns)."
        )
    if needs_dlpack(x):
        return as_dense(x, "X")
    names = getattr(x, "columns", None)
    unseen = isinstance(names, list) and hasattr(x, "to_numpy") and _get_feature_names(x) is None
    return _NamedColumns(x, names) if unseen and names else x


class _NamedColumns:
    """A dataframe with the interchange protocol, which newer versions of polars have dropped."""

    def __init__(self, frame: Any, names: list[Any]) -> None:
        self.frame, self.names, self.shape = frame, names, frame.shape

    def __len__(self) -> int:
        return int(self.shape[0])

    def __dataframe__(self) -> SimpleNamespace:
        return SimpleNamespace(column_names=lambda: self.names)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return np.asarray(self.frame.to_numpy(), dtype=dtype)


def refuse_columns(x: Any) -> None:
    """DataError that names the first column of text, else of no numbers, in a dataframe of pandas, polars or pyarrow.

    Nothing is said of columns that share a name: scikit-learn's own error is about those.
    """
    frame = x.frame if isinstance(x, _NamedColumns) else x
    names = listed_names(frame) or []
    if not names or len(set(names)) < len(names):
        return
    for name, values in _columns(x):
        text = next((value for value in values if isinstance(value, str) and not _number(value)), None)
        if text is not None:
            raise DataError(
                f"X needs numbers in every column, got text in column {name!r}, as {text!r}. Encode it first: "
                f"make_column_transformer((OneHotEncoder(), [{name!r}]), remainder='passthrough') of scikit-learn; "
                "OrdinalEncoder() where its values have an order."
            )
    as_real_rows(frame, "X")


def _columns(x: Any) -> Iterator[tuple[str, list[Any]]]:
    """(name, values) of each column."""
    x = x.frame if isinstance(x, _NamedColumns) else x
    if hasattr(x, "column_names"):  # pyarrow
        yield from ((name, x.column(name).to_pylist()) for name in x.column_names)
    elif hasattr(x, "columns") and hasattr(x, "__getitem__"):
        for name in x.columns:
            column = x[name]
            yield name, column.tolist() if hasattr(column, "tolist") else column.to_list()


def _number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
