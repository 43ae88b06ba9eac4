"""Interpreter of graphs: NumPy, node by node; the definition that every form of an export is held against."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bpframe.export.graph import ArrayGraph, GraphNode, RowMultiple
from bpframe.export.primitives import evaluate
from bpframe.types import HostArray


def run(graph: ArrayGraph, inputs: Mapping[str, HostArray], rows: int) -> dict[str, HostArray]:
    """The outputs by name for inputs by name, a batch of so many rows."""
    values: dict[int, HostArray] = {}
    for node in graph.nodes:
        values[id(node)] = _value(node, values, inputs, rows)
    return {name: values[id(node)] for name, node in graph.outputs.items()}


def _value(node: GraphNode, values: Mapping[int, HostArray], inputs: Mapping[str, HostArray], rows: int) -> HostArray:
    if node.op == "input":
        return np.asarray(inputs[node.name])
    if node.op == "rows":
        return np.asarray(rows)
    if node.op in ("constant", "parameter"):
        return np.asarray(node.value)
    return evaluate(node.op, [values[id(x)] for x in node.operands], at_rows(node.options, rows))


def at_rows(structure: Any, rows: int) -> Any:
    """Shapes and options with so many rows."""
    if isinstance(structure, RowMultiple):
        return structure.of(rows)
    if isinstance(structure, dict):
        return {name: at_rows(value, rows) for name, value in structure.items()}
    return tuple(at_rows(item, rows) for item in structure) if isinstance(structure, tuple) else structure
