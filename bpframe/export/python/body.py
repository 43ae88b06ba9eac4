"""Body of a function in Python: a statement for each node of a graph, and blocks for loops and choices.  B rows, open.

Arrays are kept apart, as one run of bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import final

import numpy as np

from bpframe.export.graph import CHOICE, LOOP, RESULT, ROW, STATE, ArrayGraph, GraphNode
from bpframe.export.python.expressions import expression, length_text
from bpframe.types import HostArray

INDENT = "    "
Results = Mapping[str, str]  # the variables of a loop or a choice, by the names of its results


@final
class DataBytes:
    """Arrays as one run of bytes."""

    def __init__(self) -> None:
        self.content = b""

    def put(self, array: HostArray) -> str:
        """The expression that reads the array again."""
        array = np.asarray(array)
        little = array.astype(array.dtype.newbyteorder("<"))
        text = f'_array({len(self.content)}, {array.shape}, "{little.dtype.str}")'
        self.content += little.tobytes()
        self.content += b"\0" * (-len(self.content) % 8)
        return text


@final
class Body:
    """`lines` of the function, and those of its `constants`; `names`: the expression of each result so far."""

    def __init__(self, data: DataBytes) -> None:
        self.data = data
        self.constants: list[str] = []
        self.lines: list[str] = []
        self.names: dict[int, str] = {}
        self._results: dict[int, Results] = {}
        self._count = 0

    def write(self, graph: ArrayGraph, indent: str) -> None:
        """The statements of a graph, whose inputs have names."""
        for node in graph.nodes:
            if id(node) not in self.names:
                self._write(node, [self.names[id(x)] for x in node.operands if id(x) in self.names], indent)

    def _write(self, node: GraphNode, operands: list[str], indent: str) -> None:
        if node.op in ("constant", "parameter"):
            self.names[id(node)] = self._constant(node)
        elif node.op == "rows":
            self.names[id(node)] = "rows"
        elif node.op in BLOCKS:
            self._results[id(node)] = BLOCKS[node.op](self, node, operands, indent)
        elif node.op == RESULT:
            self.names[id(node)] = self._results[id(node.operands[0])][node.options["name"]]
        else:
            self.names[id(node)] = name = self.new_name()
            self.lines.append(f"{indent}{name} = {expression(node, operands)}")

    def new_name(self) -> str:
        """A variable that nothing else is."""
        self._count += 1
        return f"v{self._count}"

    def _constant(self, node: GraphNode) -> str:
        value = np.asarray(node.value)
        if not value.ndim and np.isfinite(value):
            return f"np.{value.dtype.name.replace('bool', 'bool_')}({value.item()!r})"
        name = f"_c{len(self.constants)}"
        self.constants.append(f"{name} = {self.data.put(value)}")
        return name


def _loop(b: Body, node: GraphNode, operands: Sequence[str], indent: str) -> Results:
    """A loop over the steps of `ops.scan`."""
    body, step, inner = node.options["body"], b.new_name(), indent + INDENT
    results = {name: b.new_name() for name in body.outputs}
    states = [name for name in results if name.startswith(STATE)]
    rows, reads = [name for name in results if name not in states], []
    for (name, x), given in zip(body.inputs.items(), operands, strict=True):
        b.names[id(x)] = results[name] if name in states else b.new_name() if name.startswith(ROW) else given
        if name in states:
            b.lines.append(f"{indent}{results[name]} = {given}")
        elif name.startswith(ROW):
            reads.append(f"{inner}{b.names[id(x)]} = {given}[{step}]")
    steps = f"range({length_text(node.options['count'])})"
    b.lines += [f"{indent}{results[name]} = []" for name in rows]
    b.lines += [f"{indent}for {step} in {f'reversed({steps})' if node.options['reverse'] else steps}:", *reads]
    b.write(body, inner)
    new = {name: b.names[id(x)] for name, x in body.outputs.items()}
    b.lines += [f"{inner}{results[name]}.append({new[name]})" for name in rows]
    if states:
        b.lines.append(f"{inner}{', '.join(results[n] for n in states)} = {', '.join(new[n] for n in states)}")
    order = "[::-1]" if node.options["reverse"] else ""
    b.lines += [f"{indent}{results[name]} = np.stack({results[name]}{order})" for name in rows]
    return results


def _choice(b: Body, node: GraphNode, operands: Sequence[str], indent: str) -> Results:
    """An if, whose branches give the same variables their values."""
    flag, *given = operands
    results = {name: b.new_name() for name in node.options["then"].outputs}
    for branch, head in (("then", f"if {flag}:"), ("otherwise", "else:")):
        graph: ArrayGraph = node.options[branch]
        b.lines.append(f"{indent}{head}")
        b.names |= {id(x): outside for x, outside in zip(graph.inputs.values(), given, strict=True)}
        b.write(graph, indent + INDENT)
        b.lines += [f"{indent}{INDENT}{results[name]} = {b.names[id(x)]}" for name, x in graph.outputs.items()]
    return results


BLOCKS: dict[str, Callable[[Body, GraphNode, Sequence[str], str], Results]] = {LOOP: _loop, CHOICE: _choice}
