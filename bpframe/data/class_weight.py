"""Class weights, multiplied into the weights of rows.  Shapes: target (N, C), weight (N,)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from numbers import Real
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np

from bpframe.data import positions
from bpframe.data.arrays import ratios
from bpframe.data.labels import decode
from bpframe.data.table_types import ArrayOffer
from bpframe.data.task import Task
from bpframe.errors import ConfigError, DataError
from bpframe.protocols import Data
from bpframe.types import HostArray

ClassWeight = Mapping[Any, float] | Sequence[float] | HostArray | Literal["balanced"] | None
WANTED = 'class_weight needs "balanced" or a mapping from labels to weights'


@runtime_checkable
class ByLabel(Protocol):
    """A Series of pandas: values by label."""

    index: object

    def items(self) -> Iterable[tuple[Any, Any]]:
        """(label, value) of each."""


def apply_class_weight(data: Data, task: Task, class_weight: ClassWeight) -> Data:
    """The data with each row's weight, or that of each position of a row, multiplied by that of its class.

    "balanced": N / (C n_c) for the C classes that occur, n_c rows of class c, so that each class weighs the same; where
    rows have sample weights, N and n_c are sums of those, and a class of weight 0 does not occur. A
    mapping holds weights by label, 1 for labels left out; a sequence or an array has one weight for each class, in
    the order of the classes. DataError where no row is left with a weight above 0.
    """
    if class_weight is None:
        return data
    if not task.classes:
        raise DataError("class_weight needs a model of classes. For quantities use sample_weight.")
    if isinstance(class_weight, str) and class_weight != "balanced":
        raise ConfigError(f"{WANTED}, got {class_weight!r}.")
    shape = data.target.shape[:-1]
    target = task.compared(positions.flat(data.target))
    gaps: HostArray = np.asarray(np.isnan(target).any(axis=1))  # whose weight does not count
    numbers = task.target_numbers(np.where(gaps[:, None], 0, target) if gaps.any() else target)
    if numbers.ndim != 1:
        raise DataError("class_weight needs one label a row, got several. Use sample_weight.")
    balanced = isinstance(class_weight, str)
    sample_weight = positions.flat_weight(data.sample_weight, shape)
    if gaps.any():
        sample_weight = np.where(gaps, 0.0, 1.0 if sample_weight is None else sample_weight)
    factor = _balanced(numbers, sample_weight) if balanced else _by_label(numbers, task, class_weight)
    own = positions.flat_weight(data.weight, shape)
    weight = (factor if own is None else own * factor).reshape(shape)
    if not weight.any():
        raise DataError(
            "class_weight needs to leave a row with a weight above 0, but those of all rows are zero. Raise the weight "
            "of a class that occurs."
        )
    return replace(data, weight=ratios(weight, data.x.dtype))


def _balanced(numbers: HostArray, weight: HostArray | None) -> HostArray:
    _, place, counts = np.unique(numbers, return_inverse=True, return_counts=True)
    if weight is None:
        return np.asarray(len(numbers) / (len(counts) * counts)[place])
    sums = np.bincount(place, weights=weight)
    factors = np.divide(sums.sum(), np.count_nonzero(sums) * sums, out=np.zeros_like(sums), where=sums > 0)
    return np.asarray(factors[place])


def _by_label(numbers: HostArray, task: Task, class_weight: object) -> HostArray:
    """The weight of each row's label, (N,)."""
    labels = decode(numbers, task.learned)
    classes = list(task.learned.get("classes", [])) or np.unique(labels).tolist()
    known = {*np.unique(labels).tolist(), *classes}
    written = {str(label): label for label in known}  # the keys of a config are texts
    weights: dict[Any, float] = {}
    for label, value in _pairs(class_weight, classes):
        if label not in known and label not in written:
            raise ConfigError(f"class_weight names {label!r}, which is no label. Labels: {sorted(known)[:10]}.")
        if not isinstance(value, Real | np.bool) or not 0 <= float(value) < np.inf:
            raise ConfigError(f"class_weight needs a finite number of at least 0 for {label!r}, got {value!r}.")
        weights[label if label in known else written[label]] = float(value)
    return np.array([weights.get(label, 1.0) for label in labels.tolist()])


def _pairs(class_weight: object, classes: Sequence[Any]) -> list[tuple[Any, Any]]:
    """(label, weight) of a mapping, of a Series by label, or of one weight for each class."""
    if isinstance(class_weight, Mapping | ByLabel):
        return list(class_weight.items())
    if not isinstance(class_weight, Sequence | ArrayOffer):
        raise ConfigError(f"{WANTED}, got {class_weight!r}.")
    values = class_weight if isinstance(class_weight, Sequence) else np.asarray(class_weight)
    if len(np.shape(values)) != 1 or len(values) != len(classes):
        wanted = f"{WANTED}, or a weight for each of the {len(classes)} classes {classes[:10]}"
        raise ConfigError(f"{wanted}, got shape {np.shape(values)}.")
    return list(zip(classes, list(values), strict=True))
