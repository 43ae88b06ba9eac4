"""Operations in ONNX that are not elementwise: what each primitive becomes.  x any shape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bpframe.export.graph import GraphNode, Length, RowMultiple
from bpframe.export.onnx.formulas import Formulas, lower_elementwise
from bpframe.export.onnx.node_emitter import Name, NodeEmitter

FIRST, LAST = np.iinfo(np.int64).min, np.iinfo(np.int64).max  # beyond either end of any axis


def _reduce(b: NodeEmitter, node: GraphNode, x: Name) -> Name:
    op, axes = node.op, node.options["axis"]
    if not axes:
        return str(b.emit("Identity", x))
    names = {"sum": "ReduceSum", "prod": "ReduceProd", "max": "ReduceMax", "min": "ReduceMin"}
    settings = {"keepdims": int(node.options["keepdims"])}
    at = b.constant(axes, np.int64)
    if op in ("all", "any"):
        number = lower_elementwise(b, "cast", node.dtype, [x], np.dtype(np.int32))
        extreme = b.emit("ReduceMin" if op == "all" else "ReduceMax", number, at, **settings)
        return lower_elementwise(b, "cast", node.dtype, [extreme], np.dtype(bool))
    result = str(b.emit(names[op], x, at, **settings))
    if op not in ("max", "min") or node.dtype.kind != "f":
        return result
    unknown = lower_elementwise(b, "cast", node.dtype, [b.emit("IsNaN", x)], np.dtype(np.int32))
    count = b.emit("ReduceMax", unknown, at, **settings)  # the reductions of onnxruntime may drop NaN
    some = lower_elementwise(b, "cast", node.dtype, [count], np.dtype(bool))
    return Formulas(b, node.dtype).where(some, float("nan"), result)


def _place(b: NodeEmitter, node: GraphNode, x: Name) -> Name:
    settings = {"axis": node.options["axis"], "keepdims": int(node.options["keepdims"])}
    if node.operands[0].dtype.kind == "b":
        x = lower_elementwise(b, "cast", node.dtype, [x], np.dtype(np.int32))
    return str(b.emit("ArgMax" if node.op == "argmax" else "ArgMin", x, **settings))


def _reshape(b: NodeEmitter, node: GraphNode, x: Name) -> Name:
    lengths = node.options["shape"]
    growing = [k for k, n in enumerate(lengths) if isinstance(n, RowMultiple)]
    if len(growing) == 1:
        lengths = tuple(-1 if k in growing else n for k, n in enumerate(lengths))
    return str(b.emit("Reshape", x, b.lengths(lengths)))


def _broadcast(b: NodeEmitter, node: GraphNode, x: Name) -> Name:
    return str(b.emit("Expand", x, b.lengths(node.options["shape"])))


def _slice(b: NodeEmitter, node: GraphNode, x: Name) -> Name:
    steps = node.options["steps"]
    cut = [
        k
        for k, step in enumerate(steps)
        if (node.options["starts"][k], node.options["stops"][k], step) != (None, None, 1)
    ]
    starts, stops = (
        b.lengths(tuple(_end(node.options[name][k], steps[k] > 0, name) for k in cut)) for name in ("starts", "stops")
    )
    axes, by = b.constant(cut, np.int64), b.constant([steps[k] for k in cut], np.int64)
    return str(b.emit("Slice", x, starts, stops, axes, by))


def _end(at: Length | None, up: bool, name: str) -> Length:
    if at is not None:
        return at
    if name == "starts":
        return 0 if up else LAST
    return LAST if up else FIRST


def _gather(b: NodeEmitter, node: GraphNode, x: Name, places: Name) -> Name:
    return str(b.emit("Gather", x, places, axis=node.options["axis"]))


def _gather_along(b: NodeEmitter, node: GraphNode, x: Name, places: Name) -> Name:
    return str(b.emit("GatherElements", x, places, axis=node.options["axis"]))


def _arange(b: NodeEmitter, node: GraphNode) -> Name:
    ends = [b.lengths((node.options[name],)) for name in ("start", "stop", "step")]
    whole = b.emit("Range", *(b.emit("Squeeze", end) for end in ends))
    return lower_elementwise(b, "cast", node.dtype, [whole], node.dtype)


def _ordered(b: NodeEmitter, node: GraphNode, x: Name) -> Name:
    axis = node.options["axis"]
    length = b.lengths((node.operands[0].shape[axis],))
    both = b.emit("TopK", x, length, outputs=2, axis=axis, largest=int(node.options["descending"]))
    return str(both[node.op == "argsort"])


def _cumulative_sum(b: NodeEmitter, node: GraphNode, x: Name) -> Name:
    return str(b.emit("CumSum", x, b.constant(node.options["axis"], np.int64)))


def _matmul(b: NodeEmitter, node: GraphNode, x: Name, y: Name) -> Name:
    """Vectors as matrices: where the other operand is transposed, onnxruntime joins both nodes as if they were."""
    left, right = (len(operand.shape) == 1 for operand in node.operands)
    if not (left or right):
        return str(b.emit("MatMul", x, y))
    x = b.emit("Unsqueeze", x, b.constant([0], np.int64)) if left else x
    y = b.emit("Unsqueeze", y, b.constant([1], np.int64)) if right else y
    axes = [-2] * left + [-1] * right
    return str(b.emit("Squeeze", b.emit("MatMul", x, y), b.constant(axes, np.int64)))


OPERATIONS: dict[str, Callable[..., Name]] = {
    **dict.fromkeys(("sum", "prod", "max", "min", "all", "any"), _reduce),
    **dict.fromkeys(("argmax", "argmin"), _place),
    **dict.fromkeys(("sort", "argsort"), _ordered),
    "reshape": _reshape,
    "broadcast": _broadcast,
    "slice": _slice,
    "gather": _gather,
    "gather_along": _gather_along,
    "arange": _arange,
    "cumulative_sum": _cumulative_sum,
    "rows": lambda b, node: str(b.emit("Squeeze", b.rows())),
    "matmul": _matmul,
    "transpose": lambda b, node, x: str(b.emit("Transpose", x, perm=node.options["axes"])),
    "concat": lambda b, node, *parts: str(b.emit("Concat", *parts, axis=node.options["axis"])),
}


def lower_node(b: NodeEmitter, node: GraphNode, operands: list[Any]) -> Name:
    """The name of a node's result, its operands given by theirs."""
    if node.op in OPERATIONS:
        return OPERATIONS[node.op](b, node, *operands)
    if node.op == "where":
        return Formulas(b, node.dtype).where(*operands)
    first = node.operands[0].dtype
    return lower_elementwise(b, node.op, first, operands, node.options.get("dtype"))
