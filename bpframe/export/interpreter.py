"""Interpreter of a graph: its outputs by NumPy, which is what every form is proved against."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bpframe.export.graph import CHOICE, LOOP, RESULT, ROW, STATE, ArrayGraph, GraphNode, RowMultiple
from bpframe.export.primitives import evaluate
from bpframe.types import HostArray

Arrays = dict[str, HostArray]


def run(graph: ArrayGraph, inputs: Mapping[str, HostArray], rows: int) -> Arrays:
    """The outputs by name for inputs by name, a batch of so many rows."""
    values: dict[int, Any] = {}
    for node in graph.nodes:
        values[id(node)] = _value(node, values, inputs, rows)
    return {name: values[id(node)] for name, node in graph.outputs.items()}


def _value(node: GraphNode, values: Mapping[int, Any], inputs: Mapping[str, HostArray], rows: int) -> Any:
    if node.op == "input":
        return np.asarray(inputs[node.name])
    if node.op == "rows":
        return np.asarray(rows)
    if node.op in ("constant", "parameter"):
        return np.asarray(node.value)
    operands, options = [values[id(x)] for x in node.operands], at_rows(node.options, rows)
    if node.op == RESULT:
        return operands[0][options["name"]]
    if node.op in (LOOP, CHOICE):
        return inner_results(node.op, operands, options, rows)
    return evaluate(node.op, operands, options)


def inner_results(op: str, operands: Sequence[HostArray], options: Mapping[str, Any], rows: int) -> Arrays:
    """The results by name of a loop or a choice."""
    if op == CHOICE:
        graph = options["then"] if operands[0] else options["otherwise"]
        return run(graph, dict(zip(graph.inputs, operands[1:], strict=True)), rows)
    body, steps = options["body"], list(range(options["count"]))
    given, made = dict(zip(body.inputs, operands, strict=True)), {}
    for t in reversed(steps) if options["reverse"] else steps:
        made[t] = run(body, {name: x[t] if name.startswith(ROW) else x for name, x in given.items()}, rows)
        given |= {name: x for name, x in made[t].items() if name.startswith(STATE)}
    in_order = [made[t] for t in steps]
    return {n: given[n] if n in given else np.stack([each[n] for each in in_order]) for n in body.outputs}


def at_rows(structure: Any, rows: int) -> Any:
    """Shapes and options with so many rows."""
    if isinstance(structure, RowMultiple):
        return structure.of(rows)
    if isinstance(structure, dict):
        return {name: at_rows(value, rows) for name, value in structure.items()}
    return tuple(at_rows(item, rows) for item in structure) if isinstance(structure, tuple) else structure
