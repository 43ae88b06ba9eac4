"""Lowering of a graph to an ONNX model: core operators of one opset, the rows of a batch open."""

from __future__ import annotations

from collections.abc import Mapping

from onnx import ModelProto, checker, helper, shape_inference

from bpframe.errors import ConfigError
from bpframe.export.graph import ArrayGraph
from bpframe.export.onnx.control_operators import Names, lower_nodes, value_info
from bpframe.export.onnx.node_emitter import NodeEmitter
from bpframe.types import HostArray
from bpframe.version import VERSION

IR_VERSION = 10  # that of opset 21, which onnxruntime takes since 1.18


def onnx_model(
    graph: ArrayGraph, opset: int, classes: Mapping[str, HostArray], metadata: Mapping[str, str]
) -> ModelProto:
    """The model of a graph; outputs that are class numbers become labels: `classes` by the output's name."""
    b = NodeEmitter(next(iter(graph.inputs)))
    names: Names = {id(node): node.name for node in graph.inputs.values()}
    lower_nodes(b, graph, names)
    results = {name: names[id(node)] for name, node in graph.outputs.items()}
    results |= {name: b.emit("Gather", b.constant(known), results[name]) for name, known in classes.items()}
    for name, result in results.items():
        b.nodes.append(helper.make_node("Identity", [result], [name], name=f"output {name}"))
    inputs = [value_info(name, node.dtype, node) for name, node in graph.inputs.items()]
    dtypes = {name: node.dtype for name, node in graph.outputs.items()} | {n: k.dtype for n, k in classes.items()}
    outputs = [value_info(name, dtypes[name], node) for name, node in graph.outputs.items()]
    proto = helper.make_graph(b.nodes, "bpframe", inputs, outputs, initializer=b.initializers)
    model = helper.make_model(
        proto,
        opset_imports=[helper.make_opsetid("", opset)],
        ir_version=_ir_version(opset),
        producer_name="bpframe",
        producer_version=VERSION,
    )
    helper.set_model_props(model, dict(metadata))
    try:
        checker.check_model(model, full_check=True)
    except (checker.ValidationError, shape_inference.InferenceError) as error:
        raise ConfigError(f"ONNX has no operator for numbers of this kind: {str(error).strip()}") from None
    return model


def _ir_version(opset: int) -> int:
    """The oldest IR version that may import the opset, not older than that of opset 21."""
    try:
        return max(IR_VERSION, helper.find_min_ir_version_for([helper.make_opsetid("", opset)]))
    except ValueError as error:
        raise ConfigError(f"onnx {_installed()} knows no opset {opset}: {error}. Ask for 21.") from None


def _installed() -> str:
    import onnx

    return onnx.__version__
