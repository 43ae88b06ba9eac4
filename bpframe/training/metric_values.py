"""Metric values: each metric on the rows that count, of what its kind compares.

Shapes: scores (N, C) or (N, *S, C), target (N, M) or (N, *S, M), weights (N,) or (N, *S).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from bpframe.data import positions
from bpframe.data.task import Task
from bpframe.errors import IncompatibleComponent
from bpframe.network.guards import view
from bpframe.protocols import Metric
from bpframe.protocols.traits import compares, metric_fields, takes_missing
from bpframe.registry import registry
from bpframe.registry.describe import title
from bpframe.types import HostArray

CHUNK = 2**24  # scores of which labels are made at a time
NamedMetrics = Sequence[tuple[str, Metric]]


def measure(
    task: Task, scores: HostArray, target: HostArray, weight: HostArray | None, metrics: NamedMetrics
) -> dict[str, float]:
    """Each metric's value by its name, by the rows' sample weights.

    NaN where a score of a row that counts is NaN, or a prediction, of scores that are not finite. Rows of weight 0 are
    left out, so that no metric has to know of them; without any other row a metric is NaN. Of scores (N, *S, C) each
    position is a row. Where a target is missing, so is its prediction; of several columns a metric is then the mean of
    what it is for each.
    """
    weight = positions.flat_weight(weight, scores.shape[:-1])
    scores, target = positions.flat(scores), positions.flat(target)
    if weight is not None and not weight.all():
        kept = weight > 0
        scores, target, weight = scores[kept], target[kept], weight[kept]
    if task.heads:
        return _measure_heads(task, scores, target, weight, metrics)
    if not len(scores):
        return {name: math.nan for name, _ in metrics}
    scores, w = view(scores), view(np.ones(len(scores)) if weight is None else weight.astype(np.float64))
    if (pair := _sure_labels(task, scores, target, metrics)) is not None:
        return {name: _value(metric, *pair, w, np.False_) for name, metric in metrics}
    if scores.size > CHUNK and all(compares(metric) == "labels" for _, metric in metrics) and not task.fields(target):
        return _measure_labels(task, scores, target, w, metrics)
    point = view(task.point(scores))
    if np.isnan(scores).any() or np.isnan(point).any():  # labels made of them would look like any others
        return {name: math.nan for name, _ in metrics}
    fields = task.fields(target)
    found = {name: _of_fields(metric, point, fields, w) for name, metric in metrics if fields and metric_fields(metric)}
    others = [(name, metric) for name, metric in metrics if name not in found]
    if others:
        compared = task.compared(target)
        gaps = np.isnan(compared) if takes_missing(task.loss) else np.False_
        compared = np.where(gaps, 0, compared) if gaps.any() else compared
        pairs = _pairs(task, scores, point, view(compared), {compares(m) for _, m in others})
        for name, metric in others:
            found[name] = _value(metric, *pairs[compares(metric)], w, gaps)
    return {name: found[name] for name, _ in metrics}


def _measure_heads(
    task: Task, scores: HostArray, target: HostArray, weight: HostArray | None, metrics: NamedMetrics
) -> dict[str, float]:
    """Each head's metrics, "head.metric", of its own scores and targets."""
    values: dict[str, float] = {}
    for head in task.heads:
        own = [(name.removeprefix(f"{head.name}."), m) for name, m in metrics if name.startswith(f"{head.name}.")]
        measured = measure(head.task, scores[:, head.scores], target[:, head.target], weight, own)
        values |= {f"{head.name}.{name}": value for name, value in measured.items()}
    return values


def _measure_labels(
    task: Task, scores: HostArray, target: HostArray, w: HostArray, metrics: NamedMetrics
) -> dict[str, float]:
    """Metrics of labels alone, made of a bounded number of scores at a time: of a large vocabulary there are many."""
    size, numbers = max(1, CHUNK // scores.shape[1]), []
    for part in (view(scores[i : i + size]) for i in range(0, len(scores), size)):
        point = view(task.point(part))
        if np.isnan(part).any() or np.isnan(point).any():
            return {name: math.nan for name, _ in metrics}
        numbers.append(task.class_numbers(part, point))
    gaps = np.isnan(target) if takes_missing(task.loss) else np.False_
    right = task.target_numbers(np.where(gaps, 0, target) if gaps.any() else target)
    pair = view(np.concatenate(numbers)), view(right)
    return {name: _value(metric, *pair, w, gaps) for name, metric in metrics}


def _sure_labels(
    task: Task, scores: HostArray, target: HostArray, metrics: NamedMetrics
) -> tuple[HostArray, HostArray] | None:
    """(labels, those of the target) for metrics of labels alone, where no prediction is needed to know them."""
    plain = not takes_missing(task.loss) and not any(metric_fields(metric) for _, metric in metrics)
    if not plain or any(compares(metric) != "labels" for _, metric in metrics):
        return None
    labels = task.sure_labels(scores)
    return None if labels is None else (view(labels), view(task.target_numbers(view(task.compared(target)))))


def _pairs(
    task: Task, scores: HostArray, point: HostArray, target: HostArray, wanted: set[str]
) -> dict[str, tuple[HostArray, HostArray]]:
    """(what is predicted, what it is compared with) for metrics of each of these kinds."""
    columns = task.per_class(target)
    pairs = {"predictions": (point, task.own_units(columns, "target"))}
    if "log_odds" in wanted:
        pairs["log_odds"] = view(task.log_odds(scores)), columns
    if "labels" in wanted:
        pairs["labels"] = view(task.class_numbers(scores, point)), view(task.target_numbers(target))
    return pairs


def _of_fields(metric: Any, point: HostArray, fields: dict[str, HostArray], w: HostArray) -> float:
    """The value of a metric that is given fields by name."""
    names = metric_fields(metric) or ()
    if missing := [name for name in names if name not in fields]:
        who = title(registry, "metric", metric)
        raise IncompatibleComponent(f"{who} needs the fields {missing} of a target, which has {list(fields)}.")
    with np.errstate(all="ignore"):
        return _number(metric, metric.value(point, {name: view(fields[name]) for name in names}, w))


def _value(metric: Metric, prediction: HostArray, target: HostArray, w: HostArray, gaps: Any) -> float:
    """The value of a metric, of the targets (N, M) that are there: `gaps` (N, M)."""
    columns = [(prediction, target, w)]
    if gaps.any() and target.shape == gaps.shape == prediction.shape:
        places = [(slice(k, k + 1), ~gaps[:, k]) for k in range(target.shape[1])]
        columns = [(prediction[known, k], target[known, k], w[known]) for k, known in places]
    elif gaps.any():
        known = ~gaps.any(axis=1)
        columns = [(prediction[known], target[known], w[known])]
    with np.errstate(all="ignore"):
        found = [_number(metric, metric.value(*column)) for column in columns if len(column[-1])]
    return found[0] if len(found) == 1 else float(np.mean(found)) if found else math.nan


def _number(metric: Metric, value: Any) -> float:
    """The value of a metric, if it is a number."""
    try:
        return float(value)
    except (TypeError, ValueError):
        who = title(registry, "metric", metric)
        raise IncompatibleComponent(f"{who}: value must be a number, got {value!r}.") from None
