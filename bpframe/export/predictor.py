"""Predictor: what a trainer predicts, as a graph from rows to scores, predictions and labels.

Shapes: x (B, ...) rows, scores and predictions (B, C), labels (B,) or (B, k); B is open.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np

from bpframe import tree
from bpframe.data import input_offset, labels, target_scale
from bpframe.data.task import Task
from bpframe.errors import IncompatibleComponent
from bpframe.export import interpreter
from bpframe.export.array_namespace import NAMESPACE
from bpframe.export.folding import folded
from bpframe.export.graph import ArrayGraph
from bpframe.export.graph_recording import Leaves, record
from bpframe.export.owners import recording_of
from bpframe.network.context import EVALUATION
from bpframe.network.network import LabelledLayers
from bpframe.protocols import CheckInputs, ClassTargets, Point, PredictLabels
from bpframe.protocols.implements import implements
from bpframe.training.manifest import manifest
from bpframe.training.trainer import Trainer
from bpframe.types import HostArray

xp: Any = NAMESPACE
Recorded = Any  # an array of that namespace
Outputs = dict[str, Recorded]
X, SCORES, PREDICTIONS, LABELS = "x", "scores", "predictions", "labels"
KNOWN_ROWS = 4  # of the known answers that a form may carry


@final
@dataclass(frozen=True)
class Predictor:
    """`graph` from inputs to outputs by name, class numbers where labels are known: `classes`, by the output's name.

    `metadata`: texts about the model. `rows`: examples of inputs, by which a form is proved and proves itself.
    `given`: inputs that are none of rows, such as parameters.
    """

    graph: ArrayGraph
    classes: Mapping[str, HostArray]
    metadata: Mapping[str, str]
    rows: Mapping[str, HostArray]
    given: Mapping[str, HostArray] = field(default_factory=dict)

    def answers(self, rows: int = KNOWN_ROWS) -> dict[str, HostArray]:
        """The outputs for the first example rows, labels as class numbers."""
        return interpreter.run(self.graph, {name: x[:rows] for name, x in self.rows.items()} | dict(self.given), rows)


def predictor_of(
    trainer: Trainer, metadata: Mapping[str, str] | None = None, open_parameters: bool = False
) -> Predictor:
    """The model that a trainer predicts with; IncompatibleComponent for a component that no graph can hold.

    `open_parameters`: they are inputs, "parameters/layer/name", as those of a training step.
    """
    parameters, task = trainer.session.parameters, trainer.task
    layers = trainer.network.layers

    own = {f"parameters/{name}" if open_parameters else name: p for name, p in parameters.items()}

    def outputs(arrays: Mapping[str, Recorded]) -> Outputs:
        recorded: Any = {name: arrays[path] for name, path in zip(parameters, own, strict=True)}
        return outputs_of(task, scores_of(layers, trainer.network.params(recorded), _without_offset(task, arrays[X])))

    def leaves(rows: int) -> Leaves:
        op = "input" if open_parameters else "parameter"
        return {X: ("input", example_rows(trainer, rows)), **{path: (op, p) for path, p in own.items()}}

    recorded = folded(record(outputs, leaves), parameters=not open_parameters)
    read = {id(node) for node in recorded.nodes if node.op == "input"}
    graph = ArrayGraph.of({n: x for n, x in recorded.inputs.items() if n == X or id(x) in read}, recorded.outputs)
    content = json.dumps(manifest(trainer.spec, task, trainer._data), sort_keys=True)
    rows = {X: example_rows(trainer, 8)}
    given = {name: own[name] for name in graph.inputs if name != X}
    model = Predictor(graph, _classes(task), {"bpframe": content, **(metadata or {})}, rows, given)
    _prove(trainer, model)
    return model


def scores_of(layers: LabelledLayers, params: Mapping[str, Any], x: Recorded) -> Recorded:
    """What the last layer gives in evaluation mode."""
    for label, layer in layers:
        with recording_of("layer", layer, "forward", label):
            x, _ = layer.forward(params[label], x, EVALUATION)
    return xp.asarray(x)


def outputs_of(task: Task, scores: Recorded) -> Outputs:
    """Scores, predictions and labels; those of each head under its name, too."""
    with recording_of("activation", task.cost.link, "forward", "the link"):
        predictions = xp.asarray(task.cost.prediction(scores))
    outputs = {SCORES: scores, PREDICTIONS: _own_units(task, predictions)}
    if not task.heads and task.classes:
        outputs[LABELS] = label_numbers(task, scores, predictions)
    for head in task.heads:
        own = outputs_of(head.task, scores[:, head.scores])
        outputs |= {f"{head.name}.{name}": array for name, array in own.items() if name != SCORES}
    return outputs


def label_numbers(task: Task, scores: Recorded, predictions: Recorded) -> Recorded:
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


def _without_offset(task: Task, x: Recorded) -> Recorded:
    """Rows less the offset that a first fit learned, in the dtype of the run."""
    if offset := task.learned.get(input_offset.KEY):
        row = np.zeros(task.shape or ())
        row.reshape(-1)[offset["places"]] = offset["values"]
        x = x - row
    return xp.astype(x, task.dtype)


def example_rows(trainer: Trainer, rows: int) -> HostArray:
    """Rows that the network may be given: whole numbers from 0 to 1 where ids are asked for, else near its data."""
    task, rng = trainer.task, np.random.default_rng(rows)
    shape = (rows, *(task.shape or ()))
    layer, own = trainer.network.layers[0][1], tree.nest(trainer.session.parameters)
    if implements(layer, CheckInputs):
        return rng.integers(0, 2, shape).astype(task.dtype)
    x, buffers = rng.normal(size=shape), own.get(trainer.network.labels[0], {}).get("buffers", {})
    if buffers.keys() >= {"mean", "scale"} and np.shape(buffers["mean"]) == shape[1:]:
        x = x / np.where(buffers["scale"] == 0, 1, buffers["scale"]) + buffers["mean"]
    if offset := task.learned.get(input_offset.KEY):
        x.reshape(rows, -1)[:, offset["places"]] += np.array(offset["values"])
        return x
    return x.astype(task.dtype)


def _classes(task: Task, prefix: str = "") -> dict[str, HostArray]:
    """The labels behind class numbers, by the name of the output."""
    known: dict[str, HostArray] = {}
    if "classes" in task.learned and task.classes:
        numbers = np.arange(len(task.learned["classes"]))
        known[f"{prefix}{LABELS}"] = labels.decode(numbers, task.learned)
    for head in task.heads:
        known |= _classes(head.task, f"{head.name}.")
    return known


def _prove(trainer: Trainer, model: Predictor) -> None:
    """IncompatibleComponent where the graph does not predict what the trainer does, for one row and for many."""
    for rows in (1, KNOWN_ROWS):
        got, want = model.answers(rows)[PREDICTIONS], trainer.predict(model.rows[X][:rows])
        eps = float(np.finfo(trainer.task.dtype).eps)
        if got.shape != want.shape or not np.allclose(got, want, rtol=100 * eps, atol=100 * eps, equal_nan=True):
            raise IncompatibleComponent(
                f"The model cannot be exported: of {rows} rows its graph predicts otherwise than predict does. A "
                "component computes something else with another number of rows; have it depend on its rows alone."
            )
