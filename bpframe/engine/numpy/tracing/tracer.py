"""Tracer: stands in for an array and records every NumPy call on it as a node of a graph.

As in JAX, a function is traced by one run on tracers in the place of its arrays. Unlike JAX's these are concrete: each
call is also made, so every `Value` holds the example that the traced run gave. The graph is a list of nodes in the
order of the calls, in static single assignment form: an operation in place gives its tracer another Value. `codegen`
makes a program of it that runs without the function. What cannot be recorded (a branch on a value, a function that is
not NumPy's) raises `Untraceable`.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any, Literal, final

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin
from numpy.typing import DTypeLike

from bpframe.ops import host
from bpframe.ops.host_products import product_form
from bpframe.types import HostArray

# Between two numbers an operator is what the function itself would have used, and a tenth of a ufunc's time.
OPERATORS: dict[Any, Callable[..., Any]] = {
    np.add: operator.add,
    np.subtract: operator.sub,
    np.multiply: operator.mul,
    np.true_divide: operator.truediv,
    np.power: operator.pow,
    np.negative: operator.neg,
    np.absolute: operator.abs,
    np.less: operator.lt,
    np.less_equal: operator.le,
    np.greater: operator.gt,
    np.greater_equal: operator.ge,
}
NUMBERS = (bool, int, float, np.generic)
MAX_NODES = 2**13  # calls of a program: a longer one, as of many steps of a loop, costs seconds and saves little


class Untraceable(Exception):
    """An operation on a tracer cannot be recorded, or its recording cannot be replayed."""


class OpKind(Enum):
    """The kind of a recorded operation; it decides which buffers its result may be computed into."""

    ELEMENTWISE = auto()  # a ufunc of each element; its result may overwrite an operand
    MATMUL = auto()  # a ufunc of matrices; its result must not overlap an operand
    REDUCE = auto()
    CAST = auto()  # a copy, of the same or another dtype and memory order
    INDEX_PUT = auto()  # a copy of an array with some elements replaced: (array, key, elements)
    VIEW = auto()  # shares the memory of its first operand
    CALL = auto()  # any other; its result is a number, or an array that it allocates


@final
@dataclass(eq=False, slots=True)
class Value:
    """The result of a node, or an argument of the traced function.

    `example`: what it was in the traced run. `base`: the Value whose memory it views, if it is a view.
    """

    example: Any
    base: Value | None = None

    @property
    def root(self) -> Value:
        """The Value that owns the memory."""
        return self if self.base is None else self.base.root


@final
@dataclass(eq=False, slots=True)
class Node:
    """One recorded call; operands and options are Values or constants, or tuples and lists of them."""

    kind: OpKind
    function: Callable[..., Any]
    operands: tuple[Any, ...]
    options: dict[str, Any]
    result: Value

    @property
    def inputs(self) -> Iterator[Value]:
        """The Values among operands and options."""
        return iter_values((self.operands, tuple(self.options.values())))


def iter_values(structure: object) -> Iterator[Value]:
    """The Values in nested tuples and lists."""
    if isinstance(structure, Value):
        yield structure
    elif isinstance(structure, tuple | list):
        for item in structure:
            yield from iter_values(item)


@final
@dataclass(eq=False)
class Graph:
    """The nodes recorded so far, in the order of the calls."""

    nodes: list[Node] = field(default_factory=list)

    def record(self, kind: OpKind, function: Callable[..., Any], *operands: object, **options: object) -> Tracer:
        """Make a call on the examples and append its node; the tracer of its result."""
        if len(self.nodes) == MAX_NODES:
            raise Untraceable(f"more than {MAX_NODES} calls")
        inputs, settings = _to_values(operands), {name: _to_values(option) for name, option in options.items()}
        example = function(*_to_examples(inputs), **{name: _to_examples(option) for name, option in settings.items()})
        if not isinstance(example, np.ndarray | np.generic | float | int):
            raise Untraceable(f"{function} gives {type(example).__name__}")
        if not isinstance(example, np.ndarray):
            kind = OpKind.CALL
        base = None
        if kind in (OpKind.CALL, OpKind.VIEW) and isinstance(example, np.ndarray):
            base = next((value for value in iter_values(inputs) if _share_memory(value.example, example)), None)
            kind = OpKind.CALL if base is None else OpKind.VIEW
        result = Value(example, base)
        self.nodes.append(Node(kind, function, inputs, settings, result))
        return Tracer(self, result)


def _share_memory(operand: object, result: HostArray) -> bool:
    return isinstance(operand, np.ndarray) and np.may_share_memory(operand, result)


def _to_values(structure: object) -> Any:
    """The structure with the present Value of each Tracer in its place."""
    if isinstance(structure, Tracer):
        return structure.current
    if isinstance(structure, tuple | list):
        return type(structure)(_to_values(item) for item in structure)
    if isinstance(structure, dict):
        raise Untraceable("a mapping among the operands")
    return structure


def _to_examples(structure: object) -> Any:
    """The structure with the example of each Value in its place."""
    if isinstance(structure, Value):
        return structure.example
    return type(structure)(map(_to_examples, structure)) if isinstance(structure, tuple | list) else structure


@final
class Tracer(NDArrayOperatorsMixin):
    """Stands in for an array or a number. `current`: its Value, another one after each operation in place."""

    __slots__ = ("current", "graph")

    def __init__(self, graph: Graph, value: Value) -> None:
        self.graph, self.current = graph, value

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        (out,) = options.pop("out", (None,))
        if method == "reduce" and options.keys() <= {"axis", "dtype", "keepdims"} and options.get("dtype") is None:
            axis, keepdims = options.get("axis", 0), options.get("keepdims", False)
            result = self.graph.record(OpKind.REDUCE, ufunc.reduce, *inputs, axis, None, None, keepdims)
        elif method != "__call__" or options or ufunc.nout > 1:
            raise Untraceable(f"{ufunc.__name__}.{method} with {options}")
        elif all(isinstance(_to_examples(_to_values(x)), NUMBERS) for x in inputs):
            result = self.graph.record(OpKind.CALL, OPERATORS.get(ufunc, ufunc), *inputs)
        elif ufunc is np.matmul:
            result = self.graph.record(OpKind.MATMUL, product_form(*inputs), *inputs)
        else:
            result = self.graph.record(OpKind.MATMUL if ufunc.signature else OpKind.ELEMENTWISE, ufunc, *inputs)
        if out is None:
            return result
        if not isinstance(out, Tracer) or (result.shape, result.dtype) != (out.shape, out.dtype):
            raise Untraceable(f"{ufunc.__name__} into another array")
        out.current = result.current
        return out

    def __array_function__(
        self, function: Callable[..., Any], types: object, args: Sequence[object], options: dict[str, object]
    ) -> Tracer:
        return self.graph.record(OpKind.CALL, function, *args, **options)

    def __array_namespace__(self, *, api_version: str | None = None) -> Any:
        return np  # what an array gives; `ops.namespace` gives another

    def __getitem__(self, key: object) -> Tracer:
        return self.graph.record(OpKind.VIEW, operator.getitem, self, key)

    def __setitem__(self, key: object, elements: object) -> None:
        if isinstance(key, Tracer):
            raise Untraceable("an index that is computed")
        self.current = self.graph.record(OpKind.INDEX_PUT, index_put, self, key, elements).current

    def apply(self, function: Callable[..., Any], *rest: object) -> Tracer:
        """function(self, *rest) as one recorded call, whatever it does inside; its result is an array of its own."""
        return self.graph.record(OpKind.CALL, function, self, *rest)

    def reshape(self, *shape: Any) -> Tracer:
        """As `ndarray.reshape`."""
        return self.graph.record(OpKind.VIEW, np.reshape, self, shape[0] if len(shape) == 1 else shape)

    def astype(self, dtype: DTypeLike, copy: bool = True) -> Tracer:
        """As `ndarray.astype`."""
        if not copy and self.dtype == dtype:
            return self
        return self.graph.record(OpKind.CAST, np.ndarray.astype, self, dtype)

    def copy(self, order: Literal["K", "A", "C", "F"] = "C") -> Tracer:
        """As `ndarray.copy`."""
        return self.graph.record(OpKind.CAST, np.ndarray.copy, self, order)

    @property
    def T(self) -> Tracer:  # noqa: N802  (the standard's own name)
        """As `ndarray.T`."""
        return self.graph.record(OpKind.VIEW, np.transpose, self)

    @property
    def shape(self) -> tuple[int, ...]:
        """As `ndarray.shape`."""
        return np.shape(self.current.example)

    @property
    def dtype(self) -> Any:
        """As `ndarray.dtype`."""
        return self.current.example.dtype

    @property
    def ndim(self) -> int:
        """As `ndarray.ndim`."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """As `ndarray.size`."""
        return int(np.size(self.current.example))

    @property
    def flags(self) -> Any:
        """As `ndarray.flags`."""
        return self.current.example.flags

    def __len__(self) -> int:
        return self.shape[0]

    def _refuse(self, *_: object) -> Any:
        raise Untraceable("Python code reads the value of a tracer")

    __bool__ = __float__ = __int__ = __index__ = __iter__ = __array__ = __contains__ = _refuse


def index_put(array: HostArray, key: Any, elements: Any) -> HostArray:
    """A copy of the array with `array[key] = elements`: the functional form of item assignment."""
    copy = array.copy(order="K")
    copy[key] = elements
    return copy


host.HOST_TYPES.add(Tracer)
