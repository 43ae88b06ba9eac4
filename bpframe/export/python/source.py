"""Source of a model in Python: one statement of NumPy for each node of its graph.  B rows, open."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np

from bpframe.export.graph import GraphNode, RowMultiple
from bpframe.export.prediction_outputs import LABELS, PREDICTIONS, SCORES
from bpframe.export.predictor import KNOWN_ROWS, Predictor
from bpframe.export.primitives import PLACES, REDUCTIONS, UFUNCS
from bpframe.export.python.text import TEMPLATE
from bpframe.types import HostArray

CHUNK = 100  # characters of data in a line


class _Data:
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


def python_source(model: Predictor, module: str, version: str) -> str:
    """The text of the file."""
    data, names = _Data(), dict[int, str]()
    constants: list[str] = []
    body: list[str] = []
    for k, node in enumerate(model.graph.nodes):
        if node.op in ("constant", "parameter"):
            names[id(node)] = _constant(node, k, data, constants)
        elif node.op in ("input", "rows"):
            names[id(node)] = f"x[{node.name!r}]" if node.op == "input" else "rows"
        else:
            body.append(f"        v{k} = {expression(node, [names[id(x)] for x in node.operands])}")
            names[id(node)] = f"v{k}"
    inputs, dtype = model.graph.inputs, model.graph.outputs[PREDICTIONS].dtype
    known_x = ", ".join(f"{name!r}: {data.put(model.rows[name][:KNOWN_ROWS])}" for name in inputs)
    known_y = data.put(model.answers()[PREDICTIONS])
    x = next(iter(inputs.values()))
    lines = base64.b64encode(data.content).decode()
    return TEMPLATE.format(
        title="Predictions of a neural network.",
        module=module,
        version=version,
        dtype=x.dtype.name,
        shape=", ".join(f"{name} {_shape_text(each)}" for name, each in inputs.items()),
        inputs={name: each.shape[1:] for name, each in inputs.items()},
        first=x.name,
        classes={name: known.tolist() for name, known in model.classes.items()},
        data="\n".join(f'    b"{lines[i : i + CHUNK]}"' for i in range(0, max(1, len(lines)), CHUNK)),
        constants="\n".join(constants),
        body="\n".join(body) or "        pass",
        results=", ".join(f'"{name}": {names[id(node)]}' for name, node in model.graph.outputs.items()),
        scores=SCORES,
        predictions=PREDICTIONS,
        labels=LABELS,
        known_x=known_x,
        known_y=known_y,
        tolerance=(1e-6, 5e-6) if x.dtype == np.float32 or dtype == np.float32 else (1e-12, 1e-12),
    )


def _constant(node: GraphNode, k: int, data: _Data, constants: list[str]) -> str:
    value = np.asarray(node.value)
    if not value.ndim and np.isfinite(value):
        return f"np.{value.dtype.name.replace('bool', 'bool_')}({value.item()!r})"
    constants.append(f"_c{k} = {data.put(value)}")
    return f"_c{k}"


def _shape_text(x: GraphNode) -> str:
    return f"({', '.join(['B', *map(str, x.shape[1:])])})" if len(x.shape) > 1 else "(B,)"


def expression(node: GraphNode, operands: list[str]) -> str:
    """A node's result as an expression of NumPy."""
    options = {name: _text(option) for name, option in node.options.items()}
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
    return ", ".join(":".join("" if part is None else _text(part) for part in each) for each in parts)


def _text(option: Any) -> str:
    if isinstance(option, RowMultiple):
        return "rows" if option.times == 1 else f"{option.times} * rows"
    if isinstance(option, tuple):
        return f"({', '.join(map(_text, option))}{',' * (len(option) == 1)})"
    return str(option)
