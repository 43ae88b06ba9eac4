"""Expressions of NumPy: what each operation of a graph is in Python.  x any shape."""

from __future__ import annotations

from typing import Any

from bpframe.export.graph import GraphNode, RowMultiple
from bpframe.export.primitives import PLACES, REDUCTIONS, UFUNCS


def expression(node: GraphNode, operands: list[str]) -> str:
    """A node's result as an expression of NumPy."""
    options = {name: length_text(option) for name, option in node.options.items()}
    first, rest = operands[0] if operands else "", ", ".join(operands)
    if node.op in UFUNCS or node.op == "where":
        return f"np.{node.op}({rest})"
    if node.op in REDUCTIONS or node.op in PLACES:
        return f"np.{node.op}({first}, axis={options['axis']}, keepdims={options['keepdims']})"
    if node.op in ("sort", "argsort"):
        return _ordering(node, first)
    own = {"first": first, "rest": rest, "dtype": node.dtype.name, "slices": _slices(node)}
    return FORMS[node.op].format(**(options | own))


FORMS = {
    "cast": "np.asarray({first}).astype(np.{dtype})",
    "matmul": "np.matmul({rest})",
    "reshape": "np.reshape({first}, {shape})",
    "broadcast": "np.broadcast_to({first}, {shape})",
    "transpose": "np.transpose({first}, {axes})",
    "slice": "{first}[{slices}]",
    "concat": "np.concatenate([{rest}], axis={axis})",
    "gather": "np.take({rest}, axis={axis})",
    "gather_along": "np.take_along_axis({rest}, {axis})",
    "arange": "np.arange({start}, {stop}, {step}).astype(np.{dtype})",
    "cumulative_sum": "np.cumsum({first}, axis={axis}, dtype=np.{dtype})",
}


def _ordering(node: GraphNode, x: str) -> str:
    axis = node.options["axis"]
    if not node.options["descending"]:
        return f"np.{node.op}({x}, axis={axis}, kind='stable')"
    if node.op == "sort":
        return f"np.flip(np.sort({x}, axis={axis}), {axis})"
    back = f"np.flip(np.argsort(np.flip({x}, {axis}), axis={axis}, kind='stable'), {axis})"
    return f"{x}.shape[{axis}] - 1 - {back}"


def _slices(node: GraphNode) -> str:
    if node.op != "slice":
        return ""
    parts = zip(*(node.options[name] for name in ("starts", "stops", "steps")), strict=True)
    return ", ".join(":".join("" if part is None else length_text(part) for part in each) for each in parts)


def length_text(option: Any) -> str:
    """A length or another option; lengths may grow with the rows."""
    if isinstance(option, RowMultiple):
        return "rows" if option.times == 1 else f"{option.times} * rows"
    if isinstance(option, tuple):
        return f"({', '.join(map(length_text, option))}{',' * (len(option) == 1)})"
    return str(option)
