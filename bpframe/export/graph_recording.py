"""Graph recording of a function of arrays: made twice, on other numbers and other rows, and then merged into one graph.

What is the same in both recordings is the function; what differs as the number of rows does, grows with the rows of a
batch; what differs otherwise was drawn, remembered or read from the numbers, and is refused. So purity is proved, not
declared.
Shapes: B rows of a batch, the first axis of inputs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from bpframe.errors import IncompatibleComponent
from bpframe.export.array_namespace import NAMESPACE
from bpframe.export.graph import ArrayGraph, GraphNode, Length, RowMultiple
from bpframe.export.inner_graphs import pruned
from bpframe.export.recorded_array import RecordedArray, leaf
from bpframe.types import HostArray

ROWS = (5, 8)  # of the two recordings
Function = Callable[[Mapping[str, RecordedArray]], Mapping[str, RecordedArray]]
Leaves = Mapping[str, tuple[str, HostArray]]  # by name: "input" or "parameter", and its numbers


def record(function: Function, leaves: Callable[[int], Leaves]) -> ArrayGraph:
    """The graph of a function of arrays by name, whose leaves with so many rows `leaves` makes, other numbers each."""
    first, second = (_recorded(function, leaves(rows)) for rows in ROWS)
    return _Merge().graph(first, second)


def _recorded(function: Function, leaves: Leaves) -> ArrayGraph:
    arrays = {name: leaf(op, value, name=name) for name, (op, value) in leaves.items()}
    inputs = {name: array.node for name, array in arrays.items()}
    outputs = function(arrays)
    return pruned(ArrayGraph.of(inputs, {name: NAMESPACE.asarray(array).node for name, array in outputs.items()}))


class _Merge:
    """Merges two recordings node by node."""

    def __init__(self) -> None:
        self.merged: dict[int, GraphNode] = {}  # by the id of the first recording's node
        self.partner: dict[int, int] = {}
        self.same: dict[Any, GraphNode] = {}  # what was computed before

    def graph(self, first: ArrayGraph, second: ArrayGraph) -> ArrayGraph:
        """One graph of two."""
        pairs = (*zip(first.inputs.values(), second.inputs.values(), strict=True), *_paired(first, second))
        for a, b in pairs:
            if id(a) not in self.merged:
                self.merged[id(a)], self.partner[id(a)] = self._node(a, b), id(b)
        outputs = {name: self.merged[id(node)] for name, node in first.outputs.items()}
        return ArrayGraph.of({name: self.merged[id(node)] for name, node in first.inputs.items()}, outputs)

    def _node(self, a: GraphNode, b: GraphNode) -> GraphNode:
        if a.op != b.op or [self.partner[id(x)] for x in a.operands] != [id(x) for x in b.operands]:
            raise _differs(a, f"computes {a.op} in one recording and {b.op} in another")
        if a.op == "constant":
            return self._once(_constant(a, b))
        shape = tuple(_length(a, *lengths) for lengths in _zipped(a, a.shape, b.shape))
        options = {name: _option(a, option, b.options[name]) for name, option in a.options.items()}
        value = a.value if a.op == "parameter" else None
        node = GraphNode(a.op, tuple(self.merged[id(x)] for x in a.operands), options, shape, a.dtype, value, a.owner)
        return node if a.op in ("input", "parameter") else self._once(node)

    def _once(self, node: GraphNode) -> GraphNode:
        """The node, or one that computes the same."""
        if node.op == "constant":
            value = np.asarray(node.value)
            key: Any = ("constant", value.dtype.str, value.shape, value.tobytes())
        else:
            key = (node.op, tuple(map(id, node.operands)), repr(node.options))
        return self.same.setdefault(key, node)


def _paired(first: ArrayGraph, second: ArrayGraph) -> Iterable[tuple[GraphNode, GraphNode]]:
    if len(first.nodes) != len(second.nodes):
        last = first.nodes[-1]
        raise _differs(last, f"takes {len(first.nodes)} operations in one recording and {len(second.nodes)} in another")
    return zip(first.nodes, second.nodes, strict=True)


def _zipped(node: GraphNode, a: tuple[Any, ...], b: tuple[Any, ...]) -> Iterable[tuple[Any, Any]]:
    if len(a) != len(b):
        raise _differs(node, f"has {len(a)} axes in one recording and {len(b)} in another")
    return zip(a, b, strict=True)


def _length(node: GraphNode, a: int, b: int) -> Length:
    """A length that is fixed, or that grows with the rows."""
    if a == b:
        return a
    if a % ROWS[0] or a // ROWS[0] * ROWS[1] != b:
        raise _differs(node, f"has a length of {a} with {ROWS[0]} rows and of {b} with {ROWS[1]}")
    return RowMultiple(a // ROWS[0])


def _option(node: GraphNode, a: Any, b: Any) -> Any:
    if isinstance(a, ArrayGraph) and isinstance(b, ArrayGraph):
        return _Merge().graph(a, b)
    if isinstance(a, tuple) and isinstance(b, tuple):
        return tuple(_option(node, *pair) for pair in _zipped(node, a, b))
    if a == b and type(a) is type(b):
        return a
    if type(a) is int and type(b) is int:
        return _length(node, a, b)
    raise _differs(node, f"takes {a!r} in one recording and {b!r} in another")


def _constant(a: GraphNode, b: GraphNode) -> GraphNode:
    """A constant, or a number that follows from the rows of the batch: c B, c / B, ..."""
    x, y = np.asarray(a.value), np.asarray(b.value)
    if x.dtype == y.dtype and x.shape == y.shape and np.array_equal(x, y, equal_nan=x.dtype.kind == "f"):
        return GraphNode("constant", (), {}, x.shape, x.dtype, x, a.owner)
    if x.shape == y.shape == () and x.dtype == y.dtype:
        tolerance = 4 * float(np.finfo(x.dtype).eps) if x.dtype.kind == "f" else 0.0
        for form in ("{0}", "1/{0}", "{0}-1", "1/({0}-1)", "{0}/({0}-1)", "({0}-1)/{0}"):
            of = [_of_rows(form, rows) for rows in ROWS]
            if math.isclose(float(x) / of[0], float(y) / of[1], rel_tol=tolerance):
                return _rows_node(form, float(x) / of[0], x.dtype, a.owner)
    raise _differs(a, "has other constants in another recording: they are drawn, remembered or read from the numbers")


FORMS: dict[str, Callable[[Any], Any]] = {
    "{0}": lambda n: n,
    "1/{0}": lambda n: 1 / n,
    "{0}-1": lambda n: n - 1,
    "1/({0}-1)": lambda n: 1 / (n - 1),
    "{0}/({0}-1)": lambda n: n / (n - 1),
    "({0}-1)/{0}": lambda n: (n - 1) / n,
}


def _of_rows(form: str, rows: int) -> float:
    return float(FORMS[form](rows))


def _rows_node(form: str, factor: float, dtype: np.dtype[Any], owner: str) -> GraphNode:
    """factor form(B) in a dtype, from the number of rows, in float64."""
    rows = RecordedArray(GraphNode("rows", (), {}, (), np.dtype(np.int64), np.asarray(ROWS[0]), owner))
    number = FORMS[form](NAMESPACE.astype(rows, np.float64)) * round_off(factor)
    node: GraphNode = NAMESPACE.astype(number, dtype).node
    return node


def round_off(factor: float) -> float:
    """A factor that is a whole number but for rounding is that number."""
    return float(round(factor)) if math.isclose(factor, round(factor), rel_tol=1e-6) else factor


def _differs(node: GraphNode, what: str) -> IncompatibleComponent:
    owner = node.owner or "the model"
    return IncompatibleComponent(
        f"{owner} cannot be exported: it {what}. What is exported is a function of its arguments alone; give it what "
        "it remembers as a buffer, and draw by context.key in training alone."
    )
