"""Row function: the outputs of a model for one row, by loops; what the forms in C and JavaScript have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from bpframe.errors import IncompatibleComponent
from bpframe.export import interpreter
from bpframe.export.folding import at_length
from bpframe.export.graph import GraphNode
from bpframe.export.loops.dialect import Dialect
from bpframe.export.loops.node_loops import WRITERS
from bpframe.export.loops.shapes import lengths, size
from bpframe.export.loops.statements import LoopWriter
from bpframe.export.prediction_outputs import PREDICTIONS
from bpframe.export.predictor import KNOWN_ROWS, Predictor


@final
@dataclass(frozen=True)
class Output:
    """One output of a row: its name as an identifier, and how many numbers of which node it has."""

    name: str
    key: str
    node: GraphNode

    @property
    def size(self) -> int:
        """How many numbers a row has of it."""
        return size(self.node)


@final
class RowFunction:
    """Declarations, lines and outputs of a function of one row; IncompatibleComponent where rows are coupled."""

    def __init__(self, model: Predictor, dialect: Dialect) -> None:
        _refuse_coupled_rows(model)
        graph = at_length(model.graph, 1)
        writer = LoopWriter(graph, dialect, WRITERS)
        self.x = next(iter(graph.inputs.values()))
        self.inputs = size(self.x)
        self.outputs = [Output(key.replace(".", "_"), key, node) for key, node in graph.outputs.items()]
        self.constants, self.arrays, self.lines = writer.constants, writer.arrays, list(writer.lines)
        for output in self.outputs:
            to = f"out.{output.name}" if dialect.counter == "let" else f"out->{output.name}"
            self.lines += writer.loop("i", output.size, [f"{to}[i] = {writer.at(output.node, 'i')};"])

    @property
    def prediction(self) -> Output:
        """The output that `predict` gives."""
        return next(output for output in self.outputs if output.key == PREDICTIONS)

    @property
    def row_shape(self) -> tuple[int, ...]:
        """The shape of one row."""
        return lengths(self.x)[1:]


def _refuse_coupled_rows(model: Predictor) -> None:
    """IncompatibleComponent where the outputs of a row depend on the other rows."""
    together = model.answers()[PREDICTIONS]
    for i in range(KNOWN_ROWS):
        row = {name: x[i : i + 1] for name, x in model.rows.items()}
        alone = interpreter.run(model.graph, row, 1)[PREDICTIONS]
        if not np.allclose(alone[0], together[i], rtol=1e-4, atol=1e-5, equal_nan=True):
            raise IncompatibleComponent(
                "The model predicts for a row by the rows beside it, and this form takes one row at a time. "
                "Export it to .onnx or .py, which take all."
            )
