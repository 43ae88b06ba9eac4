"""Input rows of a model to predict over: some inputs run through a range, all others stay at their medians.

Shapes: x (N, n) rows, or (N,) of one input.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, final

import numpy as np

from bpframe.data.table_types import PandasLike, PolarsLike
from bpframe.errors import ConfigError, ShapeError
from bpframe.plot.label_text import label_text
from bpframe.registry.safe_text import object_text
from bpframe.types import HostArray


def require_function(owner: str, predict: object) -> None:
    """ConfigError to `owner` for what cannot be called, as a model whose method was meant."""
    if not callable(predict):
        methods = [f".{name}" for name in ("predict", "predict_labels") if callable(getattr(predict, name, None))]
        hint = f" It has {' and '.join(methods)}: hand in one of these." if methods else ""
        raise ConfigError(f"{owner} needs a function that predicts, got {object_text(predict)}.{hint}")


@final
class InputRows:
    """Rows x, an array or a data frame, whose columns are known by number or by name."""

    def __init__(self, x: Any) -> None:
        self._frame: Any = x if isinstance(x, PandasLike | PolarsLike) else None
        values = np.asarray(x)
        if values.ndim == 1:
            values = values[:, None]
        if values.ndim != 2 or values.dtype.kind not in "biuf" or not len(values):
            raise ShapeError(f"A plot over inputs needs rows (N, n) of numbers, got {values.dtype} {values.shape}.")
        self.values: HostArray = values.astype(float)
        names = [f"input {i}" for i in range(values.shape[1])] if self._frame is None else self._frame.columns
        self.names = [str(name) for name in names]

    def number(self, one: int | str) -> int:
        """The number of a column; ConfigError where there is none."""
        if isinstance(one, str) and one in self.names:
            return self.names.index(one)
        if isinstance(one, int) and -len(self.names) <= one < len(self.names):
            return one % len(self.names)
        raise ConfigError(f"A plot needs one of the inputs {', '.join(self.names)}, or its number, got {one!r}.")

    def name(self, one: int | str) -> str:
        """The name of a column, for the label of an axis."""
        return label_text(self.names[self.number(one)])

    def along(self, one: int | str, size: int, margin: float = 0.0) -> HostArray:
        """(size,) numbers from the least to the greatest of a column, and a share of the range beyond each."""
        column = self.values[:, self.number(one)]
        low, high = np.nanmin(column), np.nanmax(column)
        beyond = margin * (high - low) or (0.5 if low == high else 0.0)
        return np.linspace(low - beyond, high + beyond, size)

    def at(self, columns: Mapping[int | str, HostArray]) -> Any:
        """Rows with these columns (G,), all others at their medians; of the kind that x was."""
        size = len(next(iter(columns.values())))
        rows = np.tile(np.nanmedian(self.values, axis=0), (size, 1))
        for one, values in columns.items():
            rows[:, self.number(one)] = values
        return rows if self._frame is None else type(self._frame)(dict(zip(self._frame.columns, rows.T, strict=True)))
