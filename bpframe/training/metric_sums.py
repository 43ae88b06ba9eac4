"""Sums over rows of a fit's metrics, taken step by step, and the values that they make.

Shapes: B rows of a step, scores (B, C), target (B, M), K sums.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, cast, final

import numpy as np

from bpframe import ops
from bpframe.data.score_labels import doubtful, score_labels, sure_labels, target_labels
from bpframe.data.task import Task
from bpframe.errors import BpframeError
from bpframe.protocols import ClassTargets, Data, Fields, Point, PredictLabels, RowSums
from bpframe.protocols.implements import implements
from bpframe.protocols.traits import compares, takes_missing
from bpframe.training.metric_values import NamedMetrics
from bpframe.types import Array, HostArray


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
        self._link = str(task.loss.link)
        self.exact = any(of == "labels" for _, _, of in self._metrics)
        wanted = {of for _, _, of in self._metrics}
        self._targets = {"predictions": data.target} if "predictions" in wanted else {}
        if self.exact:
            self._targets["labels"] = task.target_numbers(data.target)
        first = np.zeros((1, task.outputs or 0), data.target.dtype), data.target[:1]
        with np.errstate(all="ignore"):
            values = [_as_columns(part) for part in self._values(*first)]
        self.counts = all(part.dtype == bool for part in values)
        ends = np.cumsum([part.shape[1] for part in values]).tolist()
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
        doubt = doubtful(scores, self._link, self._known) if self.exact else xp.zeros_like(scores[:, 0])
        columns = [*self._values(scores, target), doubt]
        return xp.concat([xp.astype(_as_columns(part), scores.dtype) for part in columns], axis=1)

    def on_host(self, scores: HostArray, rows: HostArray | None = None) -> HostArray:
        """(n, K) the metrics' values of each of these rows, of the labels that predictions have; NaN where one is.

        None: all rows, in their order.
        """
        targets = self._targets
        if rows is not None:
            targets = {of: target.take(rows, axis=0) for of, target in targets.items()}
        predictions = self._predictions(scores)
        if predictions is None:
            return np.full((len(scores), self.width), np.nan)
        with np.errstate(all="ignore"):
            parts = [metric.row_values(predictions[of], targets[of]) for _, metric, of in self._metrics]
        columns = [_as_columns(part) for part in parts]
        return columns[0] if len(columns) == 1 else np.concatenate(columns, axis=1)

    def _predictions(self, scores: HostArray) -> dict[str, HostArray] | None:
        if "predictions" not in self._targets:
            labels = sure_labels(scores, self._link, self._known)
            if labels is not None:
                return {"labels": labels}
        point = self._task.point(scores)
        if np.isnan(scores).any() or np.isnan(point).any():
            return None
        return {"predictions": point, "labels": self._task.class_numbers(scores, point) if self.exact else point}

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
            labels = score_labels(scores, self._link, self._known)
            pairs["labels"] = labels, target_labels(target, self._link, self._known)
        if "predictions" in self._targets:
            pairs["predictions"] = self._task.cost.prediction(scores), target
        return [metric.row_values(*pairs[of]) for _, metric, of in self._metrics]


def metric_sums(task: Task, metrics: NamedMetrics, data: Data) -> MetricSums | None:
    """The sums of a fit's metrics on `data`; None where one is no sum, or needs more than link and scores."""
    rows = not (task.heads or task.axes or task.has_class_numbers) and data.sample_weight is None
    whole = rows and not task.standardize and not (takes_missing(task.loss) and np.isnan(data.target).any())
    plain = not any(implements(task.loss, what) for what in (Point, PredictLabels, ClassTargets, Fields))
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
