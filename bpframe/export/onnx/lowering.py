"""Lowering of a graph to an ONNX model: core operators of one opset, the rows of a batch open."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from onnx import ModelProto, ValueInfoProto, checker, helper

from bpframe.errors import ConfigError
from bpframe.export.graph import ArrayGraph, GraphNode, RowMultiple
from bpframe.export.onnx.node_emitter import ROWS, Name, NodeEmitter
from bpframe.export.onnx.operations import lower_node
from bpframe.types import HostArray
from bpframe.version import VERSION

IR_VERSION = 10  # that of opset 21, which onnxruntime takes since 1.18


def onnx_model(
    graph: ArrayGraph, opset: int, classes: Mapping[str, HostArray], metadata: Mapping[str, str]
) -> ModelProto:
    """The model of a graph; outputs that are class numbers become labels: `classes` by the output's name."""
    b = NodeEmitter(next(iter(graph.inputs)))
    names: dict[int, Name] = {}
    for node in graph.nodes:
        names[id(node)] = _lowered(b, node, names)
    results = {name: names[id(node)] for name, node in graph.outputs.items()}
    results |= {name: b.emit("Gather", b.constant(known), results[name]) for name, known in classes.items()}
    for name, result in results.items():
        b.nodes.append(helper.make_node("Identity", [result], [name], name=f"output {name}"))
    inputs = [_info(name, node.dtype, node) for name, node in graph.inputs.items()]
    outputs = [
        _info(name, classes[name].dtype if name in classes else node.dtype, node)
        for name, node in graph.outputs.items()
    ]
    proto = helper.make_graph(b.nodes, "bpframe", inputs, outputs, initializer=b.initializers)
    model = helper.make_model(
        proto,
        opset_imports=[helper.make_opsetid("", opset)],
        ir_version=_ir_version(opset),
        producer_name="bpframe",
        producer_version=VERSION,
    )
    helper.set_model_props(model, dict(metadata))
    checker.check_model(model, full_check=True)
    return model


def _lowered(b: NodeEmitter, node: GraphNode, names: Mapping[int, Name]) -> Name:
    if node.op == "input":
        return node.name
    if node.op in ("constant", "parameter"):
        return b.constant(node.value)
    return lower_node(b, node, [names[id(x)] for x in node.operands])


def _ir_version(opset: int) -> int:
    """The oldest IR version that may import the opset, not older than that of opset 21."""
    try:
        return max(IR_VERSION, helper.find_min_ir_version_for([helper.make_opsetid("", opset)]))
    except ValueError as error:
        raise ConfigError(f"onnx {_installed()} knows no opset {opset}: {error}. Ask for 21.") from None


def _installed() -> str:
    import onnx

    return onnx.__version__


def _info(name: str, dtype: np.dtype[Any], node: GraphNode) -> ValueInfoProto:
    lengths = [_length(n) for n in node.shape]
    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(dtype), lengths)


def _length(n: Any) -> Any:
    if not isinstance(n, RowMultiple):
        return n
    return ROWS if n.times == 1 else f"{n.times} {ROWS}"
