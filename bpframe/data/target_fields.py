"""Target fields: y of several fields by name, a mapping, a table or a structured array, as targets side by side.

Shapes: y a mapping of names to (N,) or (N, m); target (N, M), M the sum of m over the fields.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bpframe.data import arrays
from bpframe.data.columns import NamedRows, column_names, name_list
from bpframe.data.dense import as_dense, type_and_values
from bpframe.data.labels import as_array
from bpframe.data.table_types import column_reader
from bpframe.data.target_encoding import answer_of, own_target
from bpframe.errors import DataError, ShapeError
from bpframe.protocols import EncodeTarget, Loss, SeveralHeads
from bpframe.protocols.implements import implements
from bpframe.protocols.traits import group_of, takes_missing
from bpframe.types import HostArray


def by_name(y: object, loss: Loss, outputs: int) -> dict[str, HostArray]:
    """The fields that a loss declares, as y holds them; DataError where one is missing or y has no names."""
    wanted = list(widths(loss, outputs))
    found = _named(y)
    if found is None and len(wanted) == 1:
        found = {wanted[0]: y}
    if found is None or (missing := [name for name in wanted if name not in found]):
        got = f"got {type(y).__name__}" if found is None else f"without {name_list(missing)}, got {name_list([*found])}"
        raise DataError(f"y needs the fields {name_list(wanted)}, as a mapping or the columns of a table, {got}.")
    return {name: as_array(found[name]) for name in wanted}


def as_columns(y: Any, loss: Loss) -> Any:
    """A structured array as losses without fields take it: by name for heads of those names, else as a table."""
    names = y.dtype.names if isinstance(y, np.ndarray) and y.ndim == 1 else None
    if names is None:
        return y
    heads = loss.parts() if implements(loss, SeveralHeads) else {}
    if len(names) == 1 or set(heads) == set(names):
        return {name: y[name] for name in heads} or y[names[0]]
    for name in names:
        if y[name].dtype.kind not in "biuf":
            what = f"got {type_and_values(y[name])} in '{name}'. Encode it, or give a head that name."
            raise DataError(f"y needs numbers in each of its columns, {what}")
    return NamedRows(np.stack([y[name] for name in names], axis=1), names, ("float",) * len(names))


def encode_fields(
    given: Mapping[str, HostArray], loss: Loss, learned: dict[str, Any], rows: int, dtype: str
) -> HostArray:
    """(N, M) the numbers of all fields side by side; those of a group are numbered by its labels."""
    own, wanted = dict(given), widths(loss, learned["outputs"])
    for name, values in own.items():
        if values.shape[:1] != (rows,):
            raise ShapeError(f"y['{name}'] needs one entry for each row of x, {rows}, got shape {values.shape}.")
    if (group := group_of(loss)) is not None:
        own[group] = np.unique(own[group], return_inverse=True)[1].reshape(-1)
    if implements(loss, EncodeTarget):
        own = {name: np.asarray(values) for name, values in own_target(loss, own, learned).items()}
    parts = []
    for name, width in wanted.items():
        values = own[name][:, None] if own[name].ndim == 1 else own[name]
        if values.shape != (rows, width):
            raise ShapeError(f"y['{name}'] needs shape ({rows}, {width}), got {own[name].shape}.")
        parts.append(arrays.as_numbers(values, dtype, f"y['{name}']", gaps=takes_missing(loss)))
    return np.hstack(parts)


def widths(loss: Any, outputs: int) -> dict[str, int]:
    """The columns of each field for so many scores."""
    return dict(answer_of(loss, loss.target_fields, outputs))


def _named(y: Any) -> Mapping[str, Any] | None:
    """What y holds by name; None where it has no names."""
    if isinstance(y, Mapping):
        return y
    if isinstance(y, np.ndarray):
        return None if y.dtype.names is None else {name: y[name] for name in y.dtype.names}
    names = column_names(y, "y")
    if names is None:
        return None
    table = y.values if isinstance(y, NamedRows) else y
    column = column_reader(table) or as_dense(table, "y").T.__getitem__
    return {name: column(place) for place, name in enumerate(names)}
