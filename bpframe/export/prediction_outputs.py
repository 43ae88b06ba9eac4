"""Prediction outputs: scores, predictions and labels of recorded scores, as a task makes them of arrays.

Shapes: scores and predictions (B, *S, C), labels (B, *S) class numbers or (B, *S, k) zeros and ones; B is open.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bpframe.data import labels, target_scale
from bpframe.data.task import Task
from bpframe.export.array_namespace import NAMESPACE
from bpframe.export.owners import recording_of
from bpframe.protocols import ClassTargets, Point, PredictLabels
from bpframe.protocols.implements import implements
from bpframe.types import HostArray

xp: Any = NAMESPACE
Recorded = Any  # an array of that namespace
Outputs = dict[str, Recorded]
SCORES, PREDICTIONS, LABELS = "scores", "predictions", "labels"


def outputs_of(task: Task, scores: Recorded) -> Outputs:
    """The outputs by name; those of each head, if there are several, under its own name, too."""
    axes = scores.shape[:-1]
    with recording_of("activation", task.cost.link, "forward", "the link"):
        predictions = xp.asarray(task.cost.prediction(scores))
    flat, points = (xp.reshape(each, (-1, each.shape[-1])) for each in (scores, predictions))
    made = _outputs_of_rows(task, flat, points)
    return {name: xp.reshape(array, (*axes, *array.shape[1:])) for name, array in made.items()}


def _outputs_of_rows(task: Task, scores: Recorded, predictions: Recorded) -> Outputs:
    """The same of scores and predictions (B, C)."""
    outputs = {SCORES: scores, PREDICTIONS: _own_units(task, predictions)}
    if not task.heads and task.classes:
        outputs[LABELS] = _label_numbers(task, scores, outputs[PREDICTIONS])
    for head in task.heads:
        own = outputs_of(head.task, scores[:, head.scores])
        outputs |= {f"{head.name}.{name}": array for name, array in own.items() if name != SCORES}
    return outputs


def _label_numbers(task: Task, scores: Recorded, predictions: Recorded) -> Recorded:
    """(B,) class numbers, or (B, k) zeros and ones, as `Task.class_numbers` makes them."""
    known = len(task.learned.get("classes", []))
    loss: Any = task.loss
    if not implements(loss, PredictLabels):
        point = _point(task, predictions)
        if loss.link == "sigmoid" or (point.shape[1] == 1 and not known):
            return _yes_or_no(xp.astype(point >= 0.5, xp.int64), known)
        return xp.argmax(point[:, : known or point.shape[1]], axis=1)
    with recording_of("loss", loss, "predict"):
        one = scores.shape[1] == 1
        cut = scores if implements(loss, ClassTargets) or not known else scores[:, :known]
        numbers = xp.astype(loss.predict(cut), xp.int64)
    if implements(loss, ClassTargets):
        return xp.minimum(numbers, known - 1) if known else numbers
    numbers = xp.reshape(numbers, (-1, 1)) if one else numbers
    return _yes_or_no(numbers, known) if numbers.ndim == 2 else numbers


def _yes_or_no(numbers: Recorded, known: int) -> Recorded:
    return xp.minimum(numbers[:, 0], known - 1) if known else numbers


def _point(task: Task, predictions: Recorded) -> Recorded:
    loss: Any = task.loss
    return loss.point(predictions) if implements(loss, Point) else predictions


def _own_units(task: Task, values: Recorded) -> Recorded:
    """Predictions in the units of y, as `Task.own_units`."""
    if not task.standardize:
        return values
    if heads := task.heads:
        parts = [_own_units(h.task, values[:, h.scores]) for h in heads]
        return xp.concat(parts, axis=1)
    scale = task.learned.get(target_scale.KEY)
    if scale is None:
        return values
    return xp.astype(values, xp.float64) * np.array(scale["deviation"]) + np.array(scale["mean"])


def known_classes(task: Task, prefix: str = "") -> dict[str, HostArray]:
    """The labels behind class numbers, by the name of the output."""
    known: dict[str, HostArray] = {}
    if "classes" in task.learned and task.classes:
        numbers = np.arange(len(task.learned["classes"]))
        known[f"{prefix}{LABELS}"] = labels.decode(numbers, task.learned)
    for head in task.heads:
        known |= known_classes(head.task, f"{head.name}.")
    return known
