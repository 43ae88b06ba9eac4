"""Statements of a graph: a loop for each node, and one for elementwise nodes of one shape that follow one another.

Memory: an array for each result of several numbers that is read behind its loop, a variable for each other one.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, final

import numpy as np

from bpframe.errors import ConfigError
from bpframe.export.graph import RESULT, ArrayGraph, GraphNode
from bpframe.export.loops.dialect import Dialect
from bpframe.export.loops.indices import broadcast_strides, flat_index
from bpframe.export.loops.shapes import lengths, size
from bpframe.export.primitives import ELEMENTWISE

FUSED = {*ELEMENTWISE, "broadcast"}
Writer = Callable[[Any, GraphNode], None]
ControlWriter = Callable[[Any, GraphNode], Mapping[str, str]]  # gives the arrays of its results by name


@final
class LoopWriter:
    """Lines of one function that computes graphs for one row; declarations of its arrays and constants apart.

    `writers` of the nodes that are not elementwise, `control` of loops and choices; `around`: the writer of the lines
    around these.
    """

    def __init__(
        self,
        dialect: Dialect,
        writers: Mapping[str, Writer],
        control: Mapping[str, ControlWriter],
        around: LoopWriter | None = None,
    ) -> None:
        self.dialect, self._writers, self._control = dialect, writers, control
        self.constants: list[str] = around.constants if around else []
        self.arrays: list[str] = around.arrays if around else []
        self._count: Iterator[int] = around._count if around else itertools.count()
        self.lines: list[str] = []
        self._names: dict[int, str] = {}  # of arrays and variables
        self._single: set[int] = set()  # nodes that are one variable
        self._results: dict[int, Mapping[str, str]] = {}  # of loops and choices
        self._group: list[GraphNode] = []
        self._readers: dict[int, list[GraphNode]] = {}
        self._kept: set[int] = set()

    def inside(self) -> LoopWriter:
        """A writer of lines inside a block of these."""
        return LoopWriter(self.dialect, self._writers, self._control, self)

    def bind(self, node: GraphNode, name: str, single: bool = False) -> None:
        """Give an input its array, or the variable that it is."""
        self._names[id(node)] = name
        if single:
            self._single.add(id(node))

    def write(self, graph: ArrayGraph) -> None:
        """Write a graph, whose inputs have names."""
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

    def name(self, node: GraphNode) -> str:
        """The array or the variable of a result."""
        return self._names[id(node)]

    def is_single(self, node: GraphNode) -> bool:
        """Whether a result is one variable."""
        return id(node) in self._single

    def new_name(self, what: str) -> str:
        """A name that nothing else has, inside and outside."""
        return f"{what}{next(self._count)}"

    def new_array(self, dtype: np.dtype[Any], size: int) -> str:
        """Declare an array; its name."""
        name = f"t{len(self.arrays)}"
        self.arrays.append(self.dialect.array(name, dtype, size))
        return name

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
            self.bind(node, self.name(node.operands[0]), self.is_single(node.operands[0]))
        elif node.op in self._control:
            self._results[id(node)] = self._control[node.op](self, node)
        elif node.op == RESULT:
            self.bind(node, self._results[id(node.operands[0])][node.options["name"]])
        else:
            if node.op not in self._writers:
                raise ConfigError(f"{node.owner or 'The model'} uses {node.op}, which this form has no loop for.")
            self._names[id(node)] = self.new_array(node.dtype, size(node))
            self._writers[node.op](self, node)

    def _constant(self, node: GraphNode) -> None:
        value = np.asarray(node.value)
        if value.size == 1:
            self.bind(node, self.dialect.literal(value.reshape(()), node.dtype), single=True)
        else:
            self._names[id(node)] = name = f"c{len(self.constants)}"
            self.constants.append(self.dialect.constant(name, value))

    # ------------------------------------------------------------------------------------------- elementwise, in groups

    def _flush(self) -> None:
        """Write the loop of the elementwise nodes gathered so far."""
        group, self._group = self._group, []
        if not group:
            return
        inside = {id(node) for node in group}
        lines: list[str] = []
        stored: list[tuple[GraphNode, str]] = []
        for node in group:
            name = self.new_name("v")
            lines.append(self.dialect.variable(name, node.dtype, self._value(node, inside)))
            self.bind(node, name, single=True)
            if size(node) != 1 and (id(node) in self._kept or self._read_outside(node, inside)):
                stored.append((node, name))
        if size(group[0]) == 1:
            self.lines += lines
            return
        arrays = [self.new_array(node.dtype, size(node)) for node, _ in stored]
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

    def loop(self, counter: str, count: int, body: Iterable[str], reverse: bool = False) -> list[str]:
        """A loop over a counter from 0 to count - 1, or back."""
        there = f"{counter} = 0; {counter} < {count}; {counter}++"
        back = f"{counter} = {count - 1}; {counter} >= 0; {counter}--"
        head = f"for ({self.dialect.counter} {back if reverse else there}) {{"
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
