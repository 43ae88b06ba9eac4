"""Input packing: several inputs by name, a mapping or the columns of a table, as rows in which they stand side by side.

Shapes: x a mapping of names to (N, *S_a), or (N,) for one number a row; rows (N, n), n the sum of |S_a|.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

import numpy as np

from bpframe.data import arrays
from bpframe.data.columns import learned_names, name_list, warn_caller
from bpframe.data.frames import as_real_rows
from bpframe.errors import ColumnWarning, DataError, ShapeError
from bpframe.network.network import LabelledLayers
from bpframe.protocols.traits import reads_names
from bpframe.registry.nested import walk
from bpframe.registry.of_inputs import InputShapes
from bpframe.types import HostArray, Shape


def refuse_tuple(x: object, name: str = "x") -> None:
    """DataError for a tuple of arrays, which other libraries take for several inputs."""
    if isinstance(x, tuple) and any(len(getattr(part, "shape", ())) > 1 for part in x):
        raise DataError(
            f"{name} needs one array, a table, or a mapping of several inputs, got a tuple of {len(x)}. Give them "
            f'names: {{"a": {name}[0], "b": {name}[1]}}, and begin the network with layers that select them.'
        )


def learned_inputs(x: object, layers: LabelledLayers) -> InputShapes | None:
    """The inputs that a model learns of its first rows, a mapping or a table of whose columns a layer names some."""
    if isinstance(x, Mapping):
        return _shapes_of(x)
    names = None if type(x) is np.ndarray else learned_names(x)
    if names and any(reads_names(part) for _, layer in layers for _, _, part in walk("layer", layer)):
        return tuple((name, (1,)) for name in names)
    return None


def single_columns(shapes: InputShapes | None) -> tuple[str, ...] | None:
    """The names of inputs that are one number a row each, so that they are columns of a table, too; otherwise None."""
    alone = shapes is not None and all(shape == (1,) for _, shape in shapes)
    return tuple(name for name, _ in shapes) if shapes is not None and alone else None


def _shapes_of(x: Mapping[str, object], name: str = "x") -> InputShapes:
    if not x or not all(isinstance(key, str) and key for key in x):
        raise DataError(f"{name} needs inputs by name, got {', '.join(map(repr, x)) or 'an empty mapping'}.")
    return tuple((key, _rows(part, f"{name}[{key!r}]").shape[1:]) for key, part in x.items())


def packed(x: Mapping[str, object], shapes: InputShapes, dtype: str, name: str = "x") -> HostArray:
    """The rows (N, n) of a mapping, in numbers as they came; errors of `dtype` name the input that has them.

    Inputs that the model does not know are left out, with a ColumnWarning.
    """
    if missing := [key for key, _ in shapes if key not in x]:
        raise DataError(f"{name} needs the inputs {name_list(missing)}, as in the first fit, got {name_list(list(x))}.")
    known = dict(shapes)
    if extra := [str(key) for key in x if key not in known]:
        warn_caller(
            f"{name} has inputs that the model does not know, and leaves out: {name_list(extra)}.", ColumnWarning
        )
    parts = [_part(x[key], shape, dtype, f"{name}[{key!r}]") for key, shape in shapes]
    rows = {key: len(part) for (key, _), part in zip(shapes, parts, strict=True)}
    if len(set(rows.values())) > 1:
        got = ", ".join(f"{count} in '{key}'" for key, count in rows.items())
        raise ShapeError(f"{name} needs as many rows in every input, got {got}.")
    return np.concatenate([part.reshape(len(part), -1) for part in parts], axis=1)


def _part(values: object, shape: Shape, dtype: str, name: str) -> HostArray:
    array = _rows(values, name)
    if array.shape[1:] != shape:
        raise ShapeError(f"{name} needs rows of shape {shape}, as in the first fit, got {array.shape[1:]}.")
    if not prod(array.shape):
        raise DataError(f"{name} needs at least one row and one column, got shape {array.shape}.")
    arrays.as_numbers(array, dtype, name, squares=True)
    return array


def _rows(values: object, name: str) -> HostArray:
    """An input as numbers (N, ...), with an axis of features."""
    array = as_real_rows(values, name)
    if not array.ndim:
        raise ShapeError(f"{name} needs rows, got one number.")
    return array[:, None] if array.ndim == 1 else array
