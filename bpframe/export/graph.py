"""Graph of a recording: nodes, each an operation on the results of others; shapes may grow with the rows of a batch.

B: the rows of a batch, open in a graph.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np

from bpframe.types import HostArray

LOOP, CHOICE, RESULT = "loop", "choice", "result"  # `bpframe.export.inner_graphs`
STATE, ROW, OUTER = "state", "row", "outer"  # inputs of a loop are named so: carried on, of a step, from outside


@final
@dataclass(frozen=True)
class RowMultiple:
    """A length of so many numbers a row of the batch: times B."""

    times: int

    def of(self, rows: int) -> int:
        """The length with so many rows."""
        return self.times * rows


Length = int | RowMultiple


@final
@dataclass(eq=False, slots=True)
class GraphNode:
    """One operation: its name, the nodes that it works on, what else it needs, and shape and dtype of its result.

    Leaves: "input" and "parameter" by `name`, "constant" with its `value`, "rows", the number B as an int64.
    `value`: the result in a recording; later on that of a constant or parameter alone. `owner`: who recorded it.
    """

    op: str
    operands: tuple[GraphNode, ...]
    options: dict[str, Any]
    shape: tuple[Length, ...]
    dtype: np.dtype[Any]
    value: HostArray | None = None
    owner: str = ""

    @property
    def name(self) -> str:
        """The name of an input or a parameter."""
        return str(self.options["name"])


@final
@dataclass(frozen=True)
class ArrayGraph:
    """Inputs and outputs by name; `nodes` in an order in which each stands behind its operands."""

    inputs: Mapping[str, GraphNode]
    outputs: Mapping[str, GraphNode]
    nodes: tuple[GraphNode, ...] = field(default=())

    @staticmethod
    def of(inputs: Mapping[str, GraphNode], outputs: Mapping[str, GraphNode]) -> ArrayGraph:
        """The graph of what the outputs need, and every input, whether needed or not."""
        return ArrayGraph(inputs, outputs, tuple(needed(outputs.values())))

    def select(self, names: Iterable[str]) -> ArrayGraph:
        """The graph of these outputs alone."""
        return ArrayGraph.of(self.inputs, {name: self.outputs[name] for name in names})

    def __repr__(self) -> str:
        return f"<graph {id(self)}>"  # a node's own text has those of its operands, and theirs


def needed(outputs: Iterable[GraphNode]) -> Iterator[GraphNode]:
    """The nodes that the outputs depend on, operands first; no recursion, since a graph may be deep."""
    seen: set[int] = set()
    stack: list[tuple[GraphNode, bool]] = [(node, False) for node in reversed(list(outputs))]
    while stack:
        node, ready = stack.pop()
        if ready:
            yield node
        elif id(node) not in seen:
            seen.add(id(node))
            stack.append((node, True))
            stack.extend((operand, False) for operand in reversed(node.operands))
