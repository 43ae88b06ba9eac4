"""Control operators of ONNX: a loop becomes Scan, a choice If, each with graphs inside that see the names outside."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from onnx import GraphProto, ValueInfoProto, helper

from bpframe.export.graph import CHOICE, RESULT, ROW, STATE, ArrayGraph, GraphNode, RowMultiple
from bpframe.export.onnx.node_emitter import ROWS, Name, NodeEmitter
from bpframe.export.onnx.operations import lower_node

Names = dict[int, Any]  # of results, by the id of a node; of a loop or a choice a mapping by the result's name


def lower_nodes(b: NodeEmitter, graph: ArrayGraph, names: Names) -> None:
    """Emit the nodes of a graph; `names` has those of its inputs, and gets the others."""
    for node in graph.nodes:
        if id(node) not in names:
            names[id(node)] = _lowered(b, node, [names[id(x)] for x in node.operands])


def _lowered(b: NodeEmitter, node: GraphNode, operands: list[Any]) -> Any:
    if node.op in ("constant", "parameter"):
        return b.constant(node.value)
    if node.op == RESULT:
        return operands[0][node.options["name"]]
    if node.op == CHOICE:
        return _choice(b, node, *operands)
    return _loop(b, node, operands) if node.op == "loop" else lower_node(b, node, operands)


def _loop(b: NodeEmitter, node: GraphNode, operands: list[Name]) -> Mapping[str, Name]:
    """Scan: states in and out first, then what has an entry for each step."""
    body: ArrayGraph = node.options["body"]
    given = dict(zip(body.inputs, operands, strict=True))
    scope = b.scope()
    ports = {name: scope.new_name(name) for name in body.inputs if name.startswith((STATE, ROW))}
    states, rows = ([name for name in ports if name.startswith(kind)] for kind in (STATE, ROW))
    inside = {id(x): ports.get(name, given[name]) for name, x in body.inputs.items()}
    infos = [value_info(ports[name], body.inputs[name].dtype, body.inputs[name]) for name in (*states, *rows)]
    each = [given[name] for name in rows]
    if not each:  # Scan counts the entries of something
        each = [b.emit("ConstantOfShape", b.lengths((node.options["count"],)))]
        infos.append(helper.make_tensor_value_info(scope.new_name(ROW), np_type(np.float32), []))
    results = [*states, *(name for name in body.outputs if name not in states)]
    proto = _graph(scope, body, inside, infos, results)
    counts = {"scan_input_directions": len(each), "scan_output_directions": len(results) - len(states)}
    directions = {name: [1] * n for name, n in counts.items() if n and node.options["reverse"]}
    inputs = [*(given[name] for name in states), *each]
    made = b.emit("Scan", *inputs, outputs=len(results), body=proto, num_scan_inputs=len(each), **directions)
    return dict(zip(results, [made] if len(results) == 1 else made, strict=True))


def _choice(b: NodeEmitter, node: GraphNode, flag: Name, *operands: Name) -> Mapping[str, Name]:
    """If, whose graphs have no inputs."""
    branches = {}
    for branch in ("then", "otherwise"):
        graph: ArrayGraph = node.options[branch]
        inside = {id(x): name for x, name in zip(graph.inputs.values(), operands, strict=True)}
        branches[branch] = _graph(b.scope(), graph, inside, [], list(graph.outputs))
    results = list(node.options["then"].outputs)
    graphs = {"then_branch": branches["then"], "else_branch": branches["otherwise"]}
    made = b.emit("If", flag, outputs=len(results), **graphs)
    return dict(zip(results, [made] if len(results) == 1 else made, strict=True))


def _graph(
    scope: NodeEmitter, graph: ArrayGraph, names: Names, inputs: list[ValueInfoProto], results: list[str]
) -> GraphProto:
    lower_nodes(scope, graph, names)
    outputs = []
    for result in results:
        node, name = graph.outputs[result], scope.new_name(result)
        scope.nodes.append(helper.make_node("Identity", [names[id(node)]], [name], name=name))
        outputs.append(value_info(name, node.dtype, node))
    return helper.make_graph(scope.nodes, scope.new_name("graph"), inputs, outputs)


def value_info(name: str, dtype: np.dtype[Any], node: GraphNode) -> ValueInfoProto:
    """Name, type and shape of an input or an output; lengths that grow with the rows are open."""
    return helper.make_tensor_value_info(name, np_type(dtype), [_length(n) for n in node.shape])


def np_type(dtype: Any) -> int:
    """ONNX's number for a dtype."""
    return helper.np_dtype_to_tensor_dtype(np.dtype(dtype))


def _length(n: Any) -> Any:
    if not isinstance(n, RowMultiple):
        return n
    return ROWS if n.times == 1 else f"{n.times} {ROWS}"
