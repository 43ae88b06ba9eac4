"""Folding: what depends on constants alone, or on parameters alone, is computed once, when a model is exported."""

from __future__ import annotations

from typing import Any

import numpy as np

from bpframe.export.graph import CHOICE, LOOP, ArrayGraph, GraphNode, RowMultiple
from bpframe.export.interpreter import at_rows
from bpframe.export.primitives import evaluate

LARGER = 2  # a folded array may be so many times as large as what it is made of


def folded(graph: ArrayGraph, parameters: bool) -> ArrayGraph:
    """The same graph with constants in the place of what depends on nothing else; `parameters`: nor on parameters."""
    new: dict[int, GraphNode] = {}
    for node in graph.nodes:
        operands = tuple(new[id(x)] for x in node.operands)
        new[id(node)] = _folded(node, operands, parameters)
    for node in graph.inputs.values():
        new.setdefault(id(node), node)
    return ArrayGraph.of(
        {name: new[id(node)] for name, node in graph.inputs.items()},
        {name: new[id(node)] for name, node in graph.outputs.items()},
    )


def _folded(node: GraphNode, operands: tuple[GraphNode, ...], parameters: bool) -> GraphNode:
    if node.op in ("input", "parameter", "constant", "rows"):
        return node
    options = {name: folded(o, parameters) if isinstance(o, ArrayGraph) else o for name, o in node.options.items()}
    same = GraphNode(node.op, operands, options, node.shape, node.dtype, None, node.owner)
    if node.op in (LOOP, CHOICE):
        return same
    fixed = ("constant", "parameter") if parameters else ("constant",)
    if any(x.op not in fixed for x in operands) or _grows((*node.shape, *node.options.values())):
        return same
    values = [np.asarray(x.value) for x in operands]
    if np.prod(np.array(node.shape, dtype=float)) > LARGER * max([1024, *(x.size for x in values)]):
        return same
    value = evaluate(node.op, values, node.options)
    return GraphNode("constant", (), {}, node.shape, node.dtype, value, node.owner)


def _grows(options: Any) -> bool:
    """Whether a length among these grows with the rows."""
    return isinstance(options, RowMultiple) or (isinstance(options, tuple | list) and any(map(_grows, options)))


def at_length(graph: ArrayGraph, rows: int) -> ArrayGraph:
    """The graph for so many rows, no more and no fewer: every length is a number."""
    new: dict[int, GraphNode] = {}
    for node in (*graph.inputs.values(), *graph.nodes):
        shape, options = at_rows(node.shape, rows), at_rows(node.options, rows)
        options = {name: at_length(o, rows) if isinstance(o, ArrayGraph) else o for name, o in options.items()}
        operands = tuple(new[id(x)] for x in node.operands)
        value = np.asarray(rows, np.int64) if node.op == "rows" else node.value
        op = "constant" if node.op == "rows" else node.op
        new.setdefault(id(node), GraphNode(op, operands, options, shape, node.dtype, value, node.owner))
    inputs = {name: new[id(node)] for name, node in graph.inputs.items()}
    return folded(ArrayGraph.of(inputs, {name: new[id(node)] for name, node in graph.outputs.items()}), parameters=True)
