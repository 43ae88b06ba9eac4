"""Evaluation of scores: the mean loss, and metrics by name.

Shapes: scores (N, C), target (N, M), weights (N,).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from bpframe.data import positions
from bpframe.data.task import Task
from bpframe.network.backprop import evaluate
from bpframe.network.gradients import weight_shares
from bpframe.protocols import Data, Fields, Metric, Session, SeveralHeads
from bpframe.protocols.implements import implements
from bpframe.protocols.traits import compared_field, compares, compiles
from bpframe.registry import build, registry
from bpframe.registry.describe import brief, short_name
from bpframe.training.metric_values import NamedMetrics, measure
from bpframe.training.spec import TrainerSpec
from bpframe.types import HostArray

MODERATE = 50.0  # scores up to this size have finite losses, also those that take exp of them


def default_metrics(task: Task) -> list[Metric]:
    """accuracy for classes, r2 and mae for quantities; none for several heads, or for fields that are not compared."""
    if implements(task.loss, SeveralHeads) or (implements(task.loss, Fields) and not compared_field(task.loss)):
        return []
    names = ["accuracy"] if task.classes else ["r2", "mae"]
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
    return loss | measure(task, scores, data.target, data.sample_weight, metrics)


def mean_loss(task: Task, scores: HostArray, data: Data) -> float:
    """sum w loss / sum w over all rows; what a row, or a position, of weight 0 scores is not looked at."""
    weight = positions.flat_weight(data.weight, scores.shape[:-1])
    scores, target = positions.flat(scores), positions.flat(data.target)
    if weight is not None and not weight.all():
        kept = weight > 0
        scores, target, weight = scores[kept], target[kept], weight[kept]
    with np.errstate(all="ignore"):
        return float(task.cost.mean_and_delta(scores, target, weight_shares(len(scores), weight)[1])[0])


def exploded(spec: TrainerSpec, task: Task, session: Session, data: Data) -> bool:
    """Whether a score or a loss of these rows is not finite; a loss that couples rows is not asked about a few."""
    if compiles(spec.engine):  # a program for a few rows would not pay
        params = spec.network.params(session.parameters)
        with np.errstate(all="ignore"):
            scores = np.asarray(evaluate(spec.network.layers, params, data.x))
    else:
        scores = session.scores(data.x)
    largest = max(-scores.min(), scores.max())  # NaN where a score is
    if largest <= MODERATE:
        return False
    with np.errstate(all="ignore"):
        rows = positions.flat(scores), positions.flat(data.target)
        values = np.asarray(task.cost.values_and_delta(*rows)[0])
    return not (math.isfinite(largest) and (values.ndim == 0 or np.isfinite(values).all()))


def _short_names(metrics: Sequence[Metric]) -> list[tuple[str, Metric]]:
    """Metrics by their short names; two of one name that differ carry their arguments, "f1(average='macro')"."""
    short = [short_name(registry, "metric", metric) for metric in metrics]
    first: dict[str, Metric] = {}
    shared = {name for name, metric in zip(short, metrics, strict=True) if first.setdefault(name, metric) != metric}
    return [
        (brief(registry, "metric", metric) if name in shared else name, metric)
        for name, metric in zip(short, metrics, strict=True)
    ]
