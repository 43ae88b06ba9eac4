"""Statements of a graph: a loop for each node, and one for elementwise nodes of one shape that follow one another.

Memory: an array for each result of several numbers that is read behind its loop, a variable for each other one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, final

import numpy as np

from bpframe.errors import ConfigError
from bpframe.export.graph import ArrayGraph, GraphNode
from bpframe.export.loops.dialect import Dialect
from bpframe.export.loops.indices import broadcast_strides, flat_index
from bpframe.export.loops.shapes import lengths, size
from bpframe.export.primitives import ELEMENTWISE

FUSED = {*ELEMENTWISE, "broadcast"}
Writer = Callable[[Any, GraphNode], None]


@final
class LoopWriter:
    """Lines of one function that computes a graph for one row; declarations of its arrays and constants apart.

    `names`: those of the arrays of inputs, by the ids of their nodes.
    """

    def __init__(
        self, graph: ArrayGraph, dialect: Dialect, writers: Mapping[str, Writer], names: Mapping[int, str]
    ) -> None:
        self.dialect, self._writers = dialect, writers
        self.constants: list[str] = []
        self.arrays: list[str] = []
        self.lines: list[str] = []
        self._names = dict(names)  # of arrays and variables
        self._single: set[int] = set()  # nodes that are one variable
        self._group: list[GraphNode] = []
        self._readers: dict[int, list[GraphNode]] = {}
        self._kept = {id(node) for node in graph.outputs.values()}
        for node in graph.nodes:
            for operand in node.operands:
                self._readers.setdefault(id(operand), []).append(node)
        for node in graph.nodes:
            self._write(node)
        self._flush()

    def at(self, node: GraphNode, index: str) -> str:
        """The element of a result at a flat index."""
        name = self._names[id(node)]
        return name if id(node) in self._single else f"{name}[{index}]"

    # ----------------------------------------------------------------------------------------------- one node at a time

    def _write(self, node: GraphNode) -> None:
        if node.op in FUSED:
            if self._group and self._group[0].shape != node.shape:
                self._flush()
            self._group.append(node)
            return
        self._flush()
        if node.op == "input":
            return
        if node.op in ("constant", "parameter"):
            self._constant(node)
        elif node.op == "reshape":
            self._alias(node, node.operands[0])
        else:
            if node.op not in self._writers:
                raise ConfigError(f"{node.owner or 'The model'} uses {node.op}, which this form has no loop for.")
            self._names[id(node)] = self._array(node)
            self._writers[node.op](self, node)

    def _alias(self, node: GraphNode, same: GraphNode) -> None:
        self._names[id(node)] = self._names[id(same)]
        if id(same) in self._single:
            self._single.add(id(node))

    def _constant(self, node: GraphNode) -> None:
        value = np.asarray(node.value)
        if value.size == 1:
            self._names[id(node)] = self.dialect.literal(value.reshape(()), node.dtype)
            self._single.add(id(node))
        else:
            self._names[id(node)] = name = f"c{len(self.constants)}"
            self.constants.append(self.dialect.constant(name, value))

    def _array(self, node: GraphNode) -> str:
        name = f"t{len(self.arrays)}"
        self.arrays.append(self.dialect.array(name, node.dtype, size(node)))
        return name

    # ------------------------------------------------------------------------------------------- elementwise, in groups

    def _flush(self) -> None:
        """Write the loop of the elementwise nodes gathered so far."""
        group, self._group = self._group, []
        if not group:
            return
        inside = {id(node) for node in group}
        lines: list[str] = []
        stored: list[tuple[GraphNode, str]] = []
        for k, node in enumerate(group):
            name = f"v{len(self.lines)}_{k}"
            lines.append(self.dialect.variable(name, node.dtype, self._value(node, inside)))
            self._names[id(node)] = name
            self._single.add(id(node))
            if size(node) != 1 and (id(node) in self._kept or self._read_outside(node, inside)):
                stored.append((node, name))
        if size(group[0]) == 1:
            self.lines += lines
            return
        arrays = [self._array(node) for node, _ in stored]
        lines += [f"{array}[i] = {name};" for array, (_, name) in zip(arrays, stored, strict=True)]
        self.lines += self.loop("i", size(group[0]), lines)
        for array, (node, _) in zip(arrays, stored, strict=True):
            self._names[id(node)] = array
            self._single.discard(id(node))

    def _read_outside(self, node: GraphNode, inside: set[int]) -> bool:
        return any(id(reader) not in inside for reader in self._readers.get(id(node), ()))

    def _value(self, node: GraphNode, inside: set[int]) -> str:
        operands = [self._element(x, node, inside) for x in node.operands]
        if node.op == "broadcast":
            return operands[0]
        return self.dialect.operation(node.op, node.operands[-1].dtype, operands, node.dtype)

    def _element(self, x: GraphNode, node: GraphNode, inside: set[int]) -> str:
        if id(x) in inside or size(x) == 1:
            return self.at(x, "0")
        return self.at(x, self.index("i", lengths(node), broadcast_strides(lengths(x), lengths(node))))

    # -------------------------------------------------------------------------------------------------- parts of loops

    def loop(self, counter: str, count: int, body: Iterable[str]) -> list[str]:
        """A loop over a counter from 0 to count - 1."""
        head = f"for ({self.dialect.counter} {counter} = 0; {counter} < {count}; {counter}++) {{"
        return [head, *(f"    {line}" for line in body), "}"]

    def index(self, counter: str, shape: Sequence[int], strides: Sequence[int], offset: int = 0) -> str:
        """A flat index, see `flat_index`."""
        return flat_index(self.dialect.quotient, counter, shape, strides, offset)

    def store(self, node: GraphNode, index: str, value: str) -> str:
        """The line that writes an element of a result."""
        return f"{self._names[id(node)]}[{index}] = {value};"

    def operation(self, op: str, node: GraphNode, *operands: str) -> str:
        """An elementwise operation in the dtype of a node, whose result is of that, too."""
        return self.dialect.operation(op, node.dtype, operands, node.dtype)
