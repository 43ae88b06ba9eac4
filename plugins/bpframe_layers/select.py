"""Selection of inputs or columns.

Shapes: x (B, ..., n), or several inputs by name; y (B, ..., k) the k columns that are chosen, or the input as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from bpframe.plugin import Array, Cache, ConfigError, Context, Params, Shape, ShapeError, checks, ops


@final
@dataclass(frozen=True)
class Select:
    """y = x[`input`], x[..., `columns`], or both; dx = dy in the places that were taken, 0 elsewhere.

    `input` names one of several inputs, `columns` are numbers of columns, counted from the end below 0, or names of a
    table's columns or of inputs of one number a row. Names stand at the beginning of a network, or of its branches
    (`parallel`).
    """

    input: str | None = None
    columns: tuple[int, ...] | tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if self.columns is None:
            if self.input is None:
                raise ConfigError("select needs an input or columns, got neither.")
            return
        if isinstance(self.columns, str) or not self.columns or len(set(self.columns)) < len(self.columns):
            raise ConfigError(f"select needs a list of different columns, got {self.columns!r}.")
        named = all(isinstance(column, str) for column in self.columns)
        if not named:
            for column in self.columns:
                checks.whole("select", -(2**31), columns=column)
        if named and self.input is not None:
            raise ConfigError(f"select needs numbers as columns of an input, got {list(self.columns)}.")
        object.__setattr__(self, "columns", tuple(self.columns))

    @property
    def reads_names(self) -> bool:
        """Whether it takes inputs, or columns of a table, by name."""
        return self.input is not None or self._named

    @property
    def _named(self) -> bool:
        return self.columns is not None and isinstance(self.columns[0], str)

    @classmethod
    def example_configs(cls) -> list[dict[str, Any]]:
        """Columns by number and by name, an input, and columns of an input."""
        columns: list[dict[str, Any]] = [{"columns": [3, 0]}, {"columns": ["age", "income"]}]
        return [*columns, {"input": "image"}, {"input": "image", "columns": [-1, 1]}]

    def example_input(self, rng: np.random.Generator) -> Any:
        """Rows of five columns, or a mapping of those, or inputs, that it names."""
        if self.input is not None:
            return {"other": rng.normal(size=(4, 2)), self.input: rng.normal(size=(4, 2, 5))}
        names = ["other", *map(str, self.columns or ())]
        return {name: rng.normal(size=(4, 1)) for name in names} if self._named else rng.normal(size=(4, 5))

    def init(self, rng: np.random.Generator, in_shape: Any) -> tuple[Params, Shape]:
        """No parameters; rows of the input, or with as many columns as are named. ShapeError for what x has not."""
        if self._named:
            self._require_names(in_shape)
            return {}, (len(self.columns or ()),)
        shape = in_shape
        if self.input is not None:
            self._require_names(in_shape)
            shape = in_shape[self.input]
        elif isinstance(in_shape, Mapping):
            raise ShapeError(f"select needs names, since x has the inputs {', '.join(in_shape)}, got {self.columns}.")
        if self.columns is None:
            return {}, shape
        n = shape[-1] if shape else 0
        if any(not -n <= int(column) < n for column in self.columns) or len(set(self._numbers(n))) < len(self.columns):
            raise ShapeError(f"select needs different columns of rows of shape {shape}, got {list(self.columns)}.")
        return {}, (*shape[:-1], len(self.columns))

    def check_inputs(self, x: Any) -> Any:
        """The rows that it selects; None of what has no such names or columns, which `init` refuses."""
        try:
            return self._selected(x)
        except (LookupError, TypeError, AttributeError):  # the last: numbers of columns, of a mapping of inputs
            return None

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Cache]:
        """(what is selected, x)."""
        return self._selected(x), x

    def backward(self, params: Params, cache: Cache, dy: Array, context: Context) -> tuple[Array | None, Params]:
        """(dy in the places that were taken, by name where x has several inputs, or None)."""
        if not context.need_dx:
            return None, {}
        x: Any = cache
        if self._named:
            return {name: dy[:, k : k + 1] for k, name in enumerate(self.columns or ())}, {}  # type: ignore[return-value]
        part = x if self.input is None else x[self.input]
        dx = dy if self.columns is None else self._spread(dy, part)
        return (dx if self.input is None else {self.input: dx}), {}  # type: ignore[return-value]

    def _selected(self, x: Any) -> Any:
        if self._named:
            parts = [x[name] for name in self.columns or ()]
            return ops.namespace(parts[0]).concat(parts, axis=1)
        part = x if self.input is None else x[self.input]
        if self.columns is None:
            return part
        return _take(part, self._numbers(part.shape[-1]))

    def _spread(self, dy: Array, x: Array) -> Array:
        """dy in the columns of x that were taken, 0 in the others."""
        n, zeros = x.shape[-1], dy.shape[-1]
        taken = {column: place for place, column in enumerate(self._numbers(n))}
        wide = ops.namespace(dy).concat([dy, ops.namespace(dy).zeros_like(dy[..., :1])], axis=-1)
        return _take(wide, [taken.get(column, zeros) for column in range(n)])

    def _numbers(self, n: int) -> list[int]:
        """The numbers of columns, of n, from 0."""
        return [int(column) % max(n, 1) for column in self.columns or ()]

    def _require_names(self, in_shape: Any) -> None:
        wanted = (self.input,) if self.input is not None else self.columns or ()
        if not isinstance(in_shape, Mapping):
            raise ShapeError(
                f"select needs rows with names, for {', '.join(map(repr, wanted))}, got rows of shape {in_shape}. "
                "Give x as a mapping of arrays or as a table, and select at the beginning of the network."
            )
        if missing := [name for name in wanted if name not in in_shape]:
            raise ShapeError(f"select needs {', '.join(map(repr, missing))}, but x has {', '.join(in_shape)}.")
        if self._named and (wide := [name for name in wanted if in_shape[name] != (1,)]):
            raise ShapeError(f"select needs columns of one number a row, but '{wide[0]}' has {in_shape[wide[0]]}.")


def _take(x: Array, columns: list[int]) -> Array:
    xp = ops.namespace(x)
    return xp.take(x, xp.asarray(columns, dtype=xp.int32, **ops.placement(x)), axis=-1)
