"""Encoding of labels as targets, and decoding of predictions to labels.

`learned` is a dict that is saved with the model. It starts with "outputs", the width of the scores; encoding the
first fit's labels adds "classes", sorted, and "dtype". Later labels must be among them. Of a table of several columns
of targets it has their names.
Shapes: y (N,) labels, (N, 1), or (N, C) targets as they are; targets (N, C).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np

from bpframe.data.arrays import Targets
from bpframe.data.columns import column_names, in_order
from bpframe.data.dense import REMEDIES, as_dense, as_real, first_other, kind_of, type_and_values
from bpframe.data.frames import as_real_rows
from bpframe.errors import DataError, ShapeError
from bpframe.types import HostArray

COLUMNS = "target_columns"  # the names of y's columns in `learned`


def as_array(y: object) -> HostArray:
    """y as an array; DataError for a gap or a number among text, of which NumPy would make text ("nan")."""
    if len(column_names(y, "y") or ()) > 1:  # labels are of one column
        return as_real_rows(y, "y")
    array = as_dense(y, "y")
    if array.dtype.kind == "O" or (array.dtype.kind == "U" and isinstance(y, list | tuple)):
        values = (array if array.dtype.kind == "O" else np.asarray(y, dtype=object)).ravel().tolist()
        text = [isinstance(value, str) for value in values]
        if any(text) and not all(text):
            row = text.index(False)
            raise DataError(f"y needs text in every row, got {values[row]!r} at row {row}. Replace or remove it.")
        if not any(text) and first_other(array) is None:
            plain = np.asarray(array.tolist())
            return as_real(array, "y") if plain.dtype.kind == "O" else plain
    return array


def in_order_of(y: Targets, learned: Mapping[str, Any]) -> tuple[Targets, list[str] | None]:
    """(y with the columns of the first fit in its order, their names), where y is a table of several columns."""
    names = None if isinstance(y, Mapping) else column_names(y, "y")
    if names is None or (len(names) < 2 and COLUMNS not in learned):
        return y, None
    known = learned.get(COLUMNS)
    return cast(Targets, in_order(y, None if known is None else tuple(known), "y")), known or list(names)


def encode(y: HostArray, link: object, learned: dict[str, Any]) -> HostArray:
    """Targets by the loss's link: softmax one-hot, sigmoid 0/1, otherwise the numbers themselves."""
    if link == "softmax":
        return one_hot(y, learned)
    if link == "sigmoid":
        return binary(y, learned)
    return continuous(y, learned)


def one_hot(y: HostArray, learned: dict[str, Any]) -> HostArray:
    """(N, C) rows with a single 1; y (N, C) of probabilities that sum to 1 stays as it is."""
    if y.ndim == 2 and y.shape[1] > 1:
        return _probabilities(y, learned)
    return np.eye(learned["outputs"])[_class_numbers(y, learned)]


def numbers_or_probabilities(y: HostArray, learned: dict[str, Any]) -> HostArray:
    """(N, 1) class numbers of labels; y (N, C) of probabilities that sum to 1 stays as it is."""
    if y.ndim == 2 and y.shape[1] > 1:
        return _probabilities(y, learned)
    return _class_numbers(y, learned)[:, None].astype(np.float64)


def binary(y: HostArray, learned: dict[str, Any]) -> HostArray:
    """(N, 1) zeros and ones for labels of two classes; y (N, k) of numbers in [0, 1] stays as it is."""
    if (y.ndim == 2 and y.shape[1] > 1) or _is_fraction(y):
        return _unit_interval(y, learned)
    y = _column(y)
    if learned["outputs"] != 1:
        raise ShapeError(
            f"The network ends in {learned['outputs']} outputs, but y is one column of labels. End it in 1 output for "
            f"two classes, use softmax_cross_entropy, or give y as {learned['outputs']} columns of 0 and 1."
        )
    if "classes" not in learned:
        _learn(y, learned, _classes(y, 2))
    return _numbers(y, learned)[:, None].astype(np.float64)


def ordinal(y: HostArray, learned: dict[str, Any], classes: int, order: Sequence[Any] | None = None) -> HostArray:
    """(N, 1) class numbers from 0 to `classes` - 1, of labels sorted or in an `order` that lists them all."""
    y = _column(y)
    if "classes" not in learned:
        _learn(y, learned, _classes(y, classes) if order is None else _in_order(order, classes))
    return _numbers(y, learned)[:, None].astype(np.float64)


def continuous(y: HostArray, learned: Mapping[str, Any]) -> HostArray:
    """(N, C) numbers; (N,) becomes (N, 1)."""
    if y.dtype.kind in "Uc" or (y.dtype.kind == "O" and isinstance(y.flat[0], str)):
        raise DataError(f"y needs numbers for this loss, got {y.dtype}. For classes use softmax_cross_entropy.")
    y = as_real(y, "y")
    target = y.reshape(len(y), -1) if y.ndim <= 2 else y
    if target.shape[1:] != (learned["outputs"],):
        raise ShapeError(f"y needs {learned['outputs']} columns, one for each output of the network, got {y.shape}.")
    return target


def decode(numbers: HostArray, learned: Mapping[str, Any]) -> HostArray:
    """Labels as they were given, from class numbers (N,) or zeros and ones (N, k)."""
    if "classes" not in learned:
        return numbers
    return np.asarray(learned["classes"], dtype=learned["dtype"])[numbers]


def class_numbers(prediction: HostArray, link: object, learned: Mapping[str, Any]) -> HostArray:
    """(N,) class numbers, or (N, k) zeros and ones: the largest, or those of at least 1/2 under a sigmoid link.

    One column without classes counts as under a sigmoid link, too.
    """
    known = len(learned.get("classes", []))
    if link == "sigmoid" or (prediction.shape[1] == 1 and not known):
        return yes_or_no(prediction >= 0.5, learned)
    known = known or prediction.shape[1]
    return np.asarray(prediction[:, :known].argmax(axis=1))


def yes_or_no(yes: HostArray, learned: Mapping[str, Any]) -> HostArray:
    """(N,) class numbers where the one column (N, 1) is of two known classes, otherwise (N, k) zeros and ones."""
    known, numbers = len(learned.get("classes", [])), yes.astype(np.int64)
    return np.minimum(numbers[:, 0], known - 1) if known else numbers  # there may be one class only


def _class_numbers(y: HostArray, learned: dict[str, Any]) -> HostArray:
    """(N,) class numbers of labels, of which the first are learned, as many as there are outputs."""
    y = _column(y)
    if "classes" not in learned:
        _learn(y, learned, _classes(y, learned["outputs"]))
    return _numbers(y, learned)


def _column(y: HostArray) -> HostArray:
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim != 1:
        raise ShapeError(f"y needs one label a row, shape ({len(y)},), got {y.shape}.")
    if y.dtype.kind == "O" and isinstance(y.flat[0], str):
        y = np.asarray(y.tolist())
    if y.dtype.kind == "f" and (gap := np.isnan(y)).any():
        raise DataError(f"y needs class labels, got nan at row {int(gap.argmax())}. {REMEDIES['missing']}.")
    if y.dtype.kind == "f":
        whole = (y == np.floor(y)) & (np.abs(y) < 2**53)
        if not whole.all():
            raise DataError(
                f"y needs class labels, got {y[~whole][0]} at row {int(np.argmin(whole))}. For numbers use mse."
            )
        y = y.astype(np.int64)
    if y.dtype.kind not in "biuU":
        raise DataError(_no_label(y))
    return y


def _no_label(y: HostArray) -> str:
    """What is wrong with y (N,), which holds neither numbers nor text."""
    row = (first_other(y) if y.dtype.kind == "O" else 0) or 0
    what = kind_of(y[row])
    own = {"bytes": "Decode them: numpy.char.decode(y, 'utf-8')"} | dict.fromkeys(
        ("a date", "an object"), "Take text or numbers of it"
    )
    got = f"{type_and_values(y)}, {what} at row {row}"
    return f"y needs labels that are whole numbers, text or booleans, got {got}. {own.get(what, REMEDIES[what])}."


def _classes(y: HostArray, most: int) -> HostArray:
    """The sorted classes; booleans and numbers in 0 .. most - 1 are themselves, though some may not occur in y."""
    if y.dtype.kind == "b" and most > 1:
        return np.array([False, True])
    if y.dtype.kind in "iu" and y.min() >= 0 and y.max() < most:
        return np.arange(most)
    classes = np.unique(y)
    if len(classes) > most:
        listing = ", ".join(map(str, classes[:5].tolist()))
        raise ShapeError(
            f"The network has room for {most} classes, but y has {len(classes)} ({listing}, ...). "
            f"Give it {len(classes)} outputs."
        )
    return classes


def _in_order(order: Sequence[Any], classes: int) -> HostArray:
    """The labels in their order, if there is one for each class and none twice."""
    labels = list(order)
    if len(labels) != classes or len(set(labels)) != classes:
        raise ShapeError(f"The scores tell {classes} classes apart, but order is {labels!r}. List each label once.")
    return np.asarray(labels)


def _learn(y: HostArray, learned: dict[str, Any], classes: HostArray) -> None:
    learned["classes"] = classes.tolist()
    learned["dtype"] = "str" if y.dtype.kind == "U" else y.dtype.name


def _numbers(y: HostArray, learned: Mapping[str, Any]) -> HostArray:
    """Class numbers (N,) of labels; DataError for labels that the first fit did not have."""
    classes = np.asarray(learned["classes"])
    if (y.dtype.kind == "U") != (classes.dtype.kind == "U"):
        raise DataError(f"y needs labels like those of the first fit ({classes[:3].tolist()}), got {y[:3].tolist()}.")
    if _are_numbers(y, classes):
        return y.astype(np.intp)
    order = np.argsort(classes, kind="stable")
    at = np.minimum(np.searchsorted(classes, y, sorter=order), len(classes) - 1)
    unseen = classes[order[at]] != y
    if unseen.any():
        bad, rows = np.unique(y[unseen])[:5].tolist(), np.flatnonzero(unseen)
        raise DataError(
            f"y has labels that the model does not know: {bad}, first at row {int(rows[0])}. "
            f"It knows {classes[:10].tolist()}."
        )
    return np.asarray(order[at])


def _are_numbers(y: HostArray, classes: HostArray) -> bool:
    """Whether labels are the numbers of their classes, 0 .. n - 1: then there is nothing to look up."""
    n = len(classes)
    if y.dtype.kind not in "iu" or classes.dtype.kind not in "iu" or not y.size or y.min() < 0 or y.max() >= n:
        return False
    return bool((classes == np.arange(n)).all())


def _probabilities(y: HostArray, learned: Mapping[str, Any]) -> HostArray:
    target = _unit_interval(y, learned)
    off = np.abs(target.sum(axis=1) - 1) > 1e-4
    if off.any():
        row = int(np.argmax(off))
        raise DataError(
            f"y needs rows that sum to 1, got {target[row].sum():.6g} in row {row}. "
            "For several labels a row use sigmoid_cross_entropy."
        )
    return target


def _unit_interval(y: HostArray, learned: Mapping[str, Any]) -> HostArray:
    target = continuous(y, learned).astype(np.float64)
    outside = (target < 0) | (target > 1)
    if outside.any():
        row, column = (int(i) for i in np.argwhere(outside)[0])
        raise DataError(f"y needs numbers in [0, 1], got {target[row, column]:g} at row {row}, column {column}.")
    return target


def _is_fraction(y: HostArray) -> bool:
    """Whether y is one column of soft targets: numbers that are not whole."""
    return y.dtype.kind == "f" and bool((y != np.floor(y)).any())
