"""Evaluation of scores: the mean loss, and metrics by name.

Shapes: scores (N, C), target (N, M), weights (N,).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bpframe.data.task import Task, share
from bpframe.errors import IncompatibleComponent
from bpframe.protocols import Data, Metric, SeveralHeads
from bpframe.protocols.traits import compares
from bpframe.registry import build, registry
from bpframe.registry.describe import brief, short_name, title
from bpframe.types import HostArray

NamedMetrics = Sequence[tuple[str, Metric]]


def default_metrics(task: Task) -> list[Metric]:
    """accuracy for classes, r2 and mae for quantities; none for several heads, whose metrics have names."""
    names = [] if isinstance(task.loss, SeveralHeads) else ["accuracy"] if task.classes else ["r2", "mae"]
    return [build("metric", name) for name in names]


def named_metrics(task: Task, metrics: Sequence[Metric] | None) -> list[tuple[str, Metric]]:
    """The metrics to measure, by name: those given, or the default ones for None.

    Several heads are measured each on its own, under "head.metric": by its own default metrics, or by those given,
    where metrics of labels are for heads of classes.
    """
    if not (heads := task.heads):
        return _short_names(default_metrics(task) if metrics is None else metrics)
    return [
        (f"{head.name}.{name}", metric)
        for head in heads
        for name, metric in named_metrics(head.task, metrics)
        if head.task.labelled or compares(metric) != "labels"
    ]


def evaluate_scores(task: Task, scores: HostArray, data: Data, metrics: NamedMetrics) -> dict[str, float]:
    """{"loss": mean loss, and every metric by name}."""
    loss = {"loss": mean_loss(task, scores, data)}
    return loss | measure(task, scores, data.target, data.weight, metrics)


def mean_loss(task: Task, scores: HostArray, data: Data) -> float:
    """sum w loss / sum w over all rows."""
    with np.errstate(all="ignore"):
        return float(task.cost.mean_and_delta(scores, data.target, share(data))[0])


def measure(
    task: Task, scores: HostArray, target: HostArray, weight: HostArray | None, metrics: NamedMetrics
) -> dict[str, float]:
    """Each metric's value by its name."""
    if heads := task.heads:
        values: dict[str, float] = {}
        for head in heads:
            own = [(name.removeprefix(f"{head.name}."), m) for name, m in metrics if name.startswith(f"{head.name}.")]
            measured = measure(head.task, scores[:, head.scores], target[:, head.target], weight, own)
            values |= {f"{head.name}.{name}": value for name, value in measured.items()}
        return values
    w, point = np.ones(len(scores)) if weight is None else weight.astype(np.float64), task.point(scores)
    pairs, wanted = {"predictions": (point, target)}, {compares(metric) for _, metric in metrics}
    if "log_odds" in wanted:
        pairs["log_odds"] = task.log_odds(scores), target
    if "labels" in wanted:
        pairs["labels"] = task.class_numbers(scores, point), task.target_numbers(target)
    with np.errstate(all="ignore"):
        return {name: _number(metric, metric.value(*pairs[compares(metric)], w)) for name, metric in metrics}


def _short_names(metrics: Sequence[Metric]) -> list[tuple[str, Metric]]:
    """Metrics by their short names; two of one name that differ carry their arguments, "f1(average='macro')"."""
    short = [short_name(registry, "metric", metric) for metric in metrics]
    shared = {
        name
        for name, a in zip(short, metrics, strict=True)
        for other, b in zip(short, metrics, strict=True)
        if name == other and a != b
    }
    return [
        (brief(registry, "metric", metric) if name in shared else name, metric)
        for name, metric in zip(short, metrics, strict=True)
    ]


def _number(metric: Metric, value: Any) -> float:
    """The value of a metric, if it is a number."""
    try:
        return float(value)
    except (TypeError, ValueError):
        who = title(registry, "metric", metric)
        raise IncompatibleComponent(f"{who}: value must be a number, got {value!r}.") from None
