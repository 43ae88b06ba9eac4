"""Predictor: what a trainer predicts, as a graph from rows to scores, predictions and labels.

Shapes: x (B, ...) rows, scores and predictions (B, C), labels (B,) or (B, k); B is open.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np

from bpframe.errors import ConfigError, IncompatibleComponent
from bpframe.export import interpreter
from bpframe.export.array_namespace import NAMESPACE
from bpframe.export.folding import folded
from bpframe.export.graph import ArrayGraph
from bpframe.export.graph_recording import Leaves, record
from bpframe.export.owners import recording_of
from bpframe.export.prediction_outputs import PREDICTIONS, Outputs, known_classes, outputs_of
from bpframe.export.recording_rows import X, inputs_by_name, joined_inputs, recording_rows
from bpframe.network.context import EVALUATION
from bpframe.network.network import LabelledLayers
from bpframe.training.manifest import manifest
from bpframe.training.open_session import network_of
from bpframe.training.trainer import Trainer
from bpframe.types import HostArray

xp: Any = NAMESPACE
Recorded = Any  # an array of that namespace
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
    trainer: Trainer, metadata: Mapping[str, str] | None = None, *, open_parameters: bool = False
) -> Predictor:
    """The model that a trainer predicts with; IncompatibleComponent for a component that no graph can hold.

    `open_parameters`: they are inputs, "parameters/layer/name", as those of a training step.
    """
    parameters, task = trainer.session.parameters, trainer.task
    network = network_of(trainer.network, task)
    own = {f"parameters/{name}" if open_parameters else name: p for name, p in parameters.items()}

    def outputs(arrays: Mapping[str, Recorded]) -> Outputs:
        recorded: Any = {name: arrays[path] for name, path in zip(parameters, own, strict=True)}
        return outputs_of(task, scores_of(network.layers, network.params(recorded), joined_inputs(task, arrays)))

    def leaves(rows: int) -> Leaves:
        op, x = "input" if open_parameters else "parameter", inputs(rows)
        return {**{n: ("input", part) for n, part in x.items()}, **{path: (op, p) for path, p in own.items()}}

    def inputs(rows: int) -> dict[str, HostArray]:
        return inputs_by_name(task, recording_rows(trainer, rows))

    recorded = folded(record(outputs, leaves), parameters=not open_parameters)
    read = {id(node) for node in recorded.nodes if node.op == "input"}
    rows = inputs(8)
    graph = ArrayGraph.of({n: x for n, x in recorded.inputs.items() if n in rows or id(x) in read}, recorded.outputs)
    given = {name: own[name] for name in graph.inputs if name not in rows}
    model = Predictor(graph, known_classes(task), {**_definition(trainer), **(metadata or {})}, rows, given)
    _prove(trainer, model)
    return model


def scores_of(layers: LabelledLayers, params: Mapping[str, Any], x: Recorded) -> Recorded:
    """What the last layer gives in evaluation mode."""
    for label, layer in layers:
        with recording_of("layer", layer, "forward", label):
            x, _ = layer.forward(params[label], x, EVALUATION)
    return xp.asarray(x)


def _definition(trainer: Trainer) -> dict[str, str]:
    """What a model file says of the model; nothing where a component has no name that a file could hold."""
    try:
        return {"bpframe": json.dumps(manifest(trainer.spec, trainer.task, trainer._data), sort_keys=True)}
    except ConfigError:
        return {}


def _prove(trainer: Trainer, model: Predictor) -> None:
    """IncompatibleComponent where the graph does not predict what the trainer does, for one row and for many."""
    for rows in (1, KNOWN_ROWS):
        got, want = (
            model.answers(rows)[PREDICTIONS],
            trainer.predict(_as_given({name: x[:rows] for name, x in model.rows.items()}, trainer)),
        )
        eps = float(np.finfo(trainer.task.dtype).eps)
        if got.shape != want.shape or not np.allclose(got, want, rtol=100 * eps, atol=100 * eps, equal_nan=True):
            raise IncompatibleComponent(
                f"The model cannot be exported: of {rows} rows its graph predicts otherwise than predict does. A "
                "component computes something else with another number of rows; have it depend on its rows alone."
            )


def _as_given(rows: Mapping[str, HostArray], trainer: Trainer) -> Any:
    """Inputs as `predict` takes them."""
    return rows[X] if trainer.task.several is None else rows
