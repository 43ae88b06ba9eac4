"""Row function: the outputs of a model for one row, by loops; what the forms in C and JavaScript have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from bpframe.errors import IncompatibleComponent
from bpframe.export import interpreter
from bpframe.export.folding import at_length
from bpframe.export.graph import GraphNode
from bpframe.export.loops.control_loops import CONTROL
from bpframe.export.loops.dialect import Dialect
from bpframe.export.loops.identifiers import identifiers
from bpframe.export.loops.node_loops import WRITERS
from bpframe.export.loops.shapes import size
from bpframe.export.loops.statements import LoopWriter
from bpframe.export.prediction_outputs import PREDICTIONS
from bpframe.export.predictor import KNOWN_ROWS, Predictor


@final
@dataclass(frozen=True)
class Port:
    """One input or output of a row: its name as an identifier, its own name, and how many numbers of which node."""

    name: str
    key: str
    node: GraphNode

    @property
    def size(self) -> int:
        """How many numbers a row has of it."""
        return size(self.node)


@final
class RowFunction:
    """Declarations, lines, inputs and outputs of a function of one row; IncompatibleComponent where rows are coupled.

    `member`: how a language names one of several inputs of x, with a place for its identifier.
    """

    def __init__(self, model: Predictor, dialect: Dialect, member: str) -> None:
        _refuse_coupled_rows(model)
        graph = at_length(model.graph, 1)
        own = identifiers(graph.inputs)
        self.inputs = [Port(own[key], key, node) for key, node in graph.inputs.items()]
        writer = LoopWriter(dialect, WRITERS, CONTROL)
        for x in self.inputs:
            writer.bind(x.node, member.format(x.name) if self.several else "x")
        writer.write(graph)
        of_outputs = identifiers(graph.outputs)
        self.outputs = [Port(of_outputs[key], key, node) for key, node in graph.outputs.items()]
        self.constants, self.arrays, self.lines = writer.constants, writer.arrays, list(writer.lines)
        for output in self.outputs:
            to = f"out.{output.name}" if dialect.counter == "let" else f"out->{output.name}"
            self.lines += writer.loop("i", output.size, [f"{to}[i] = {writer.at(output.node, 'i')};"])

    @property
    def several(self) -> bool:
        """Whether there are several inputs by name."""
        return len(self.inputs) > 1

    @property
    def numbers(self) -> int:
        """How many numbers a row has, of all inputs."""
        return sum(x.size for x in self.inputs)

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """That of all inputs."""
        return self.inputs[0].node.dtype

    @property
    def prediction(self) -> Port:
        """The output that `predict` gives."""
        return next(output for output in self.outputs if output.key == PREDICTIONS)


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
