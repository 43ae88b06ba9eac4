"""Source of a model in Python: one statement of NumPy for each node of its graph.  B rows, open."""

from __future__ import annotations

import base64

import numpy as np

from bpframe.export.graph import GraphNode
from bpframe.export.prediction_outputs import LABELS, PREDICTIONS, SCORES
from bpframe.export.predictor import KNOWN_ROWS, Predictor
from bpframe.export.python.body import INDENT, Body, DataBytes
from bpframe.export.python.text import TEMPLATE

CHUNK = 100  # characters of data in a line


def python_source(model: Predictor, module: str, version: str) -> str:
    """The text of the file."""
    data = DataBytes()
    body = Body(data)
    body.names = {id(node): f"x[{name!r}]" for name, node in model.graph.inputs.items()}
    body.write(model.graph, 2 * INDENT)
    inputs, dtype = model.graph.inputs, model.graph.outputs[PREDICTIONS].dtype
    known_x = ", ".join(f"{name!r}: {data.put(model.rows[name][:KNOWN_ROWS])}" for name in inputs)
    known_y = data.put(model.answers()[PREDICTIONS])
    x = next(iter(inputs.values()))
    lines = base64.b64encode(data.content).decode()
    return TEMPLATE.format(
        title="Predictions of a neural network.",
        module=module,
        version=version,
        dtype=x.dtype.name,
        shape=", ".join(f"{name} {_shape_text(each)}" for name, each in inputs.items()),
        inputs={name: each.shape[1:] for name, each in inputs.items()},
        first=x.name,
        classes={name: known.tolist() for name, known in model.classes.items()},
        data="\n".join(f'    b"{lines[i : i + CHUNK]}"' for i in range(0, max(1, len(lines)), CHUNK)),
        constants="\n".join(body.constants),
        body="\n".join(body.lines) or "        pass",
        results=", ".join(f'"{name}": {body.names[id(node)]}' for name, node in model.graph.outputs.items()),
        scores=SCORES,
        predictions=PREDICTIONS,
        labels=LABELS,
        known_x=known_x,
        known_y=known_y,
        tolerance=(1e-6, 5e-6) if x.dtype == np.float32 or dtype == np.float32 else (1e-12, 1e-12),
    )


def _shape_text(x: GraphNode) -> str:
    return f"({', '.join(['B', *map(str, x.shape[1:])])})" if len(x.shape) > 1 else "(B,)"
