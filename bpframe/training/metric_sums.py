"""Sums over rows of a fit's metrics, taken step by step, and the values that they make.

Shapes: B rows of a step, scores (B, C), target (B, M), K sums.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, cast, final

import numpy as np

from bpframe import ops
from bpframe.data.task import Task
from bpframe.errors import BpframeError
from bpframe.protocols import ClassTargets, Data, Point, PredictLabels, RowSums
from bpframe.protocols.implements import implements
from bpframe.protocols.traits import compares
from bpframe.training.metric_values import NamedMetrics
from bpframe.types import Array, HostArray

NEAR = 16  # roundings within which the host may find two probabilities equal, so that the first of them counts


@final
class MetricSums:
    """The `StepSums` of metrics that are sums, of a task whose predictions follow from the scores by its link alone."""

    def __init__(self, task: Task, metrics: NamedMetrics, data: Data) -> None:
        """Of the rows of `data`; raises what a metric raises that has no sums of such rows."""
        self._task = task
        self._metrics: list[tuple[str, RowSums, str]] = [
            (name, cast(RowSums, metric), compares(metric)) for name, metric in metrics
        ]
        self._known, self._weight = len(task.learned.get("classes", [])), np.ones(len(data.target))
        self._targets = {"predictions": data.target}
        self.exact = any(of == "labels" for _, _, of in self._metrics)
        if self.exact:
            self._targets["labels"] = task.target_numbers(data.target)
        first = np.zeros((1, task.outputs or 0), data.target.dtype), data.target[:1]
        ends = np.cumsum([_as_columns(values).shape[1] for values in self._values(*first)]).tolist()
        self.width = ends[-1]
        parts = zip(self._metrics, [0, *ends[:-1]], ends, strict=True)
        self._parts = [(*metric, slice(start, stop)) for metric, start, stop in parts]

    @property
    def key(self) -> Hashable:
        """The metrics and what labels depend on; the loss, whose link it is, stands in the key of the step."""
        return tuple(metric for _, metric, _ in self._metrics), self._known

    def row_values(self, scores: Array, target: Array) -> Array:
        """(B, K + 1): the metrics' values of each row, and whether it is in doubt which label the host gives it."""
        xp = ops.namespace(scores)
        doubtful = self._doubtful(scores) if self.exact else xp.zeros_like(scores[:, 0])
        columns = [*self._values(scores, target), doubtful]
        return xp.concat([xp.astype(_as_columns(part), scores.dtype) for part in columns], axis=1)

    def on_host(self, scores: HostArray, target: HostArray) -> HostArray:
        """(K,) by the labels that predictions on the host have; NaN where a score or a prediction is."""
        point = self._task.point(scores)
        if np.isnan(scores).any() or np.isnan(point).any():
            return np.full(self.width, np.nan)
        numbers = self._task.class_numbers(scores, point), self._task.target_numbers(target)
        pairs = {"predictions": (point, target), "labels": numbers}
        parts = [metric.row_values(*pairs[of]) for _, metric, of in self._metrics]
        return np.concatenate([_as_columns(part).sum(axis=0, dtype=np.float64) for part in parts])

    def values(self, sums: HostArray, rows: HostArray | None) -> dict[str, float]:
        """Each metric's value by its name, from sums (K,) over the rows of these numbers; None: over all of them."""
        targets, weight = self._targets, self._weight
        if rows is not None:
            targets = {of: target.take(rows, axis=0) for of, target in targets.items()}
            weight = np.ones(len(rows))
        with np.errstate(all="ignore"):
            return {
                name: float(metric.value_of_sums(sums[part], targets[of], weight))
                for name, metric, of, part in self._parts
            }

    def _values(self, scores: Array, target: Array) -> list[Array]:
        pairs: dict[str, tuple[Any, Any]] = {}
        if self.exact:
            pairs["labels"] = self._labels(scores), self._target_labels(target)
        if any(of == "predictions" for _, _, of in self._metrics):
            pairs["predictions"] = self._task.cost.prediction(scores), target
        return [metric.row_values(*pairs[of]) for _, metric, of in self._metrics]

    def _labels(self, scores: Array) -> Array:
        """Class numbers (B,), or zeros and ones (B, k): those of predictions, were these not rounded."""
        if self._task.loss.link == "softmax":
            return ops.namespace(scores).argmax(scores[:, : self._known or None], axis=1)
        return self._yes_or_no(scores >= 0)

    def _target_labels(self, target: Array) -> Array:
        if self._task.loss.link == "softmax" and target.shape[1] > 1:
            return ops.namespace(target).argmax(target, axis=1)
        return self._yes_or_no(target >= 0.5)

    def _yes_or_no(self, yes: Array) -> Array:
        xp = ops.namespace(yes)
        numbers = xp.astype(yes, xp.int32)
        return xp.minimum(numbers[:, 0], self._known - 1) if self._known else numbers

    def _doubtful(self, scores: Array) -> Array:
        """(B,) above 0 where the host may round two probabilities of a row to one, or a score is NaN."""
        xp: Any = ops.namespace(scores)
        margin = NEAR * float(xp.finfo(scores.dtype).eps)
        if self._task.loss.link != "softmax":
            return cast(Array, xp.any(xp.logical_not(xp.abs(scores) > margin), axis=1))
        known = scores[:, : self._known or None]
        near = known >= xp.max(known, axis=1, keepdims=True) - margin
        return cast(Array, xp.abs(xp.sum(xp.astype(near, scores.dtype), axis=1) - 1))


def metric_sums(task: Task, metrics: NamedMetrics, data: Data) -> MetricSums | None:
    """The sums of a fit's metrics on `data`; None where one is no sum, or needs more than link and scores."""
    whole = not task.heads and not task.standardize and data.sample_weight is None
    plain = not any(implements(task.loss, what) for what in (Point, PredictLabels, ClassTargets))
    if not (metrics and whole and plain and all(_is_sum(task, metric) for _, metric in metrics)):
        return None
    try:
        return MetricSums(task, metrics, data)
    except (BpframeError, TypeError, ValueError, IndexError, AttributeError):
        return None  # its `value` says what is wrong, if anything is


def _is_sum(task: Task, metric: object) -> bool:
    of = compares(metric)
    return implements(metric, RowSums) and (of == "predictions" or (of == "labels" and task.classes))


def _as_columns(values: Any) -> Any:
    return values[:, None] if values.ndim == 1 else values
