"""Node emitter of an ONNX graph: emits nodes and constants under names of their own, each constant once.

Names follow from the order in which nodes come, so that one model always gives the same bytes.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any, final

import numpy as np
from onnx import NodeProto, TensorProto, helper, numpy_helper

from bpframe.export.graph import Length, RowMultiple
from bpframe.types import HostArray

ROWS = "rows"  # the name of the open length

Name = str


@final
class NodeEmitter:
    """Nodes and initializers so far. `first`: an input whose first axis is the batch.

    `around`: the emitter of a graph around this one, which sees its names and shares its constants.
    """

    def __init__(self, first: Name, around: NodeEmitter | None = None) -> None:
        self.nodes: list[NodeProto] = []
        self.initializers: list[TensorProto] = around.initializers if around else []
        self._constants: dict[Any, Name] = around._constants if around else {}
        self._count: Iterator[int] = around._count if around else itertools.count()
        self._first = first
        self._rows: Name = around._rows if around else ""

    def scope(self) -> NodeEmitter:
        """The emitter of a graph inside this one."""
        return NodeEmitter(self._first, self)

    def new_name(self, what: str) -> Name:
        """A name that nothing else has."""
        return f"{what}_{next(self._count)}"

    def emit(self, op: str, *inputs: Name, outputs: int = 1, **attributes: Any) -> Any:
        """A node; the name of its result, or of several."""
        name = self.new_name(op)
        names = [name + (f"_{k}" if k else "") for k in range(outputs)]
        self.nodes.append(helper.make_node(op, list(inputs), names, name=names[0], **attributes))
        return names[0] if outputs == 1 else names

    def constant(self, value: Any, dtype: Any = None) -> Name:
        """A constant."""
        array = np.asarray(value, dtype=dtype)
        key = (array.dtype.str, array.shape, array.tobytes() if array.dtype.kind != "U" else tuple(array.tolist()))
        if key not in self._constants:
            self._constants[key] = name = f"constant_{len(self._constants)}"
            self.initializers.append(_tensor(array, name))
        return self._constants[key]

    def rows(self) -> Name:
        """The number of rows, an int64 of shape (1,)."""
        if not self._rows:
            self._rows = self.emit("Shape", self._first, start=0, end=1)
        return self._rows

    def lengths(self, lengths: tuple[Length, ...]) -> Name:
        """An int64 vector of lengths, of which some may grow with the rows."""
        if not any(isinstance(n, RowMultiple) for n in lengths):
            return self.constant(lengths, np.int64)
        parts = [self._growing(n) if isinstance(n, RowMultiple) else self.constant([n], np.int64) for n in lengths]
        return parts[0] if len(parts) == 1 else str(self.emit("Concat", *parts, axis=0))

    def _growing(self, length: RowMultiple) -> Name:
        if length.times == 1:
            return self.rows()
        return str(self.emit("Mul", self.rows(), self.constant([length.times], np.int64)))


def _tensor(array: HostArray, name: str) -> TensorProto:
    if array.dtype.kind == "U":
        return helper.make_tensor(name, TensorProto.STRING, array.shape, [text.encode() for text in array.ravel()])
    return numpy_helper.from_array(np.ascontiguousarray(array).reshape(array.shape), name)
