"""Weights by class, folded into the weights of rows.  Shapes: target (N, C), weight (N,)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from bpframe.data.labels import decode
from bpframe.data.task import Task
from bpframe.errors import ConfigError, DataError
from bpframe.protocols import Data
from bpframe.types import HostArray

ClassWeight = Mapping[Any, float] | Literal["balanced"] | None


def apply_class_weight(data: Data, task: Task, class_weight: ClassWeight) -> Data:
    """The data with each row's weight multiplied by that of its class.

    "balanced": N / (C n_c) for the C classes that occur, n_c rows of class c, so that each class weighs the same; a
    mapping holds weights by label, 1 for labels left out.
    """
    if class_weight is None:
        return data
    if not task.classes:
        raise DataError("class_weight needs a model of classes. For quantities use sample_weight.")
    if isinstance(class_weight, str) and class_weight != "balanced":
        raise ConfigError(f'class_weight needs "balanced" or a mapping from labels to weights, got {class_weight!r}.')
    numbers = task.target_numbers(data.target)
    if numbers.ndim != 1:
        raise DataError("class_weight needs one label a row, got several. Use sample_weight.")
    factor = _balanced(numbers) if isinstance(class_weight, str) else _mapped(numbers, task, class_weight)
    weight = np.ones(len(numbers)) if data.weight is None else data.weight
    return replace(data, weight=(weight * factor).astype(data.x.dtype))


def _balanced(numbers: HostArray) -> HostArray:
    _, place, counts = np.unique(numbers, return_inverse=True, return_counts=True)
    return np.asarray(len(numbers) / (len(counts) * counts)[place])


def _mapped(numbers: HostArray, task: Task, class_weight: Mapping[Any, float]) -> HostArray:
    labels = decode(numbers, task.learned)
    known = set(np.unique(labels).tolist()) | set(task.learned.get("classes", []))
    written = {str(label): label for label in known}  # the keys of a config are texts
    weights: dict[Any, float] = {}
    for label, value in class_weight.items():
        if label not in known and label not in written:
            raise ConfigError(f"class_weight names {label!r}, which is no label. Labels: {sorted(known)[:10]}.")
        if not isinstance(value, int | float) or not 0 <= value < np.inf:
            raise ConfigError(f"class_weight needs a finite number of at least 0 for {label!r}, got {value!r}.")
        weights[label if label in known else written[label]] = value
    return np.array([weights.get(label, 1.0) for label in labels.tolist()])
