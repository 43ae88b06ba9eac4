"""Recorded arrays: they stand in for arrays and record what is done with them, as the nodes of a graph.

Each call is also made on example numbers, so shapes and dtypes are NumPy's own. Python code never sees the numbers:
what asks for them (a branch on a value, a function that is none of arrays) raises `Unrecorded`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from typing import Any, ClassVar, final

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin
from numpy.typing import DTypeLike

from bpframe.export.graph import GraphNode
from bpframe.export.primitives import UFUNCS, evaluate
from bpframe.types import HostArray

NUMBERS = (bool, int, float)
Operand = Any  # a recorded array, an array of NumPy or a number
LOGICAL = {  # what operations on bits and numbers are on booleans
    "add": "logical_or",
    "multiply": "logical_and",
    "maximum": "logical_or",
    "minimum": "logical_and",
    "bitwise_and": "logical_and",
    "bitwise_or": "logical_or",
    "bitwise_xor": "logical_xor",
    "invert": "logical_not",
}
OWNER = ContextVar("owner", default="")  # who computes at present, for errors


class Unrecorded(TypeError):
    """Something was asked of a recorded array that no graph can hold; its text says what, and what to use instead."""


@final
class RecordedArray(NDArrayOperatorsMixin):
    """Stands in for an array. `node`: what made it, another one after an operation in place.

    `weak`: it stands in for a number of Python, which takes the dtype of what it is combined with.
    """

    __slots__ = ("node", "weak")
    namespace: ClassVar[Any] = None  # set where the namespace is defined
    methods: ClassVar[dict[str, Callable[..., Any]]] = {}  # likewise

    def __init__(self, node: GraphNode, weak: bool = False) -> None:
        self.node, self.weak = node, weak

    # ------------------------------------------------------------------------------------ what an array knows of itself

    @property
    def shape(self) -> tuple[int, ...]:
        """That of the example."""
        return np.shape(example(self))

    @property
    def dtype(self) -> np.dtype[Any]:
        """As NumPy's."""
        return self.node.dtype

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of elements of the example."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def T(self) -> RecordedArray:  # noqa: N802  (the standard's own name)
        """All axes in reverse order."""
        return apply("transpose", [self], axes=tuple(reversed(range(self.ndim))))

    @property
    def mT(self) -> RecordedArray:  # noqa: N802  (the standard's own name)
        """The last two axes exchanged."""
        *first, i, j = range(self.ndim)
        return apply("transpose", [self], axes=(*first, j, i))

    def __len__(self) -> int:
        return self.shape[0]

    def __array_namespace__(self, *, api_version: str | None = None) -> Any:
        return RecordedArray.namespace

    def __getattr__(self, name: str) -> Any:
        """A method of NumPy's arrays that is also a function of the namespace: `x.sum(axis=0)`."""
        if name in RecordedArray.methods:
            function = RecordedArray.methods[name]
            return lambda *args, **settings: function(self, *args, **settings)
        raise AttributeError(f"a recorded array has no attribute '{name}'")

    # ------------------------------------------------------------------------------------------------- what is recorded

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Operand, **options: Any) -> Any:
        (out,) = options.pop("out", (None,))
        if method == "reduce":
            name = {"add": "sum", "maximum": "max", "minimum": "min", "multiply": "prod"}.get(ufunc.__name__, "?")
            return getattr(RecordedArray.namespace, name)(*inputs, axis=options.pop("axis", 0), **options)
        if method != "__call__" or options:
            raise Unrecorded(f"numpy.{ufunc.__name__}.{method} with {sorted(options)}")
        result: RecordedArray = getattr(RecordedArray.namespace, ufunc.__name__)(*inputs)
        if out is None:
            return result
        if not isinstance(out, RecordedArray) or (result.shape, result.dtype) != (out.shape, out.dtype):
            raise Unrecorded(f"numpy.{ufunc.__name__} into another array")
        out.node = result.node
        return out

    def __array_function__(
        self, function: Callable[..., Any], types: object, args: Sequence[Any], settings: Mapping[str, Any]
    ) -> Any:
        return getattr(RecordedArray.namespace, function.__name__)(*args, **settings)

    def __getitem__(self, key: Any) -> RecordedArray:
        result: RecordedArray = RecordedArray.namespace.index(self, key)
        return result

    def __setitem__(self, key: object, value: object) -> None:
        raise Unrecorded("writing to elements of an array. Use where, or concat")

    def _refuse(self, *_: object) -> Any:
        raise Unrecorded(
            "the numbers of an array (a branch on a value, float(), a function of NumPy that is none of the Array API "
            "standard). Use where, maximum and the like of x.__array_namespace__()"
        )

    __bool__ = __float__ = __int__ = __index__ = __complex__ = __iter__ = __array__ = __contains__ = _refuse
    __hash__ = object.__hash__  # the mixin compares by elements


def example(x: RecordedArray) -> Any:
    """The numbers that an array stands for in this recording."""
    return x.node.value


def apply(op: str, operands: Sequence[RecordedArray], **options: Any) -> RecordedArray:
    """The array that an operation gives, recorded."""
    value = evaluate(op, [example(x) for x in operands], options)
    node = GraphNode(op, tuple(x.node for x in operands), options, value.shape, value.dtype, value, OWNER.get())
    return RecordedArray(node)


def leaf(op: str, value: HostArray, **options: Any) -> RecordedArray:
    """An array that nothing has made: an input, a parameter, a constant."""
    array = np.asarray(value)
    return RecordedArray(GraphNode(op, (), options, array.shape, array.dtype, array, OWNER.get()))


def recorded(x: Operand, dtype: DTypeLike | None = None) -> RecordedArray:
    """x, or the constant that it is, in a dtype."""
    array = x if isinstance(x, RecordedArray) else leaf("constant", np.asarray(x, dtype=dtype))
    if array.dtype.kind not in "biuf":
        raise Unrecorded(f"arrays of {array.dtype}. Use numbers that are real")
    return array if dtype is None or array.dtype == dtype else apply("cast", [array], dtype=np.dtype(dtype))


def common_dtype(*operands: Operand) -> np.dtype[Any]:
    """The dtype of several operands, of which Python numbers take that of the others, as NumPy has it."""
    kinds = [_kind(_plain(x)) for x in operands]
    return np.result_type(*(kind(0) if isinstance(kind, type) else kind for kind in kinds))


def _kind(x: Operand) -> Any:
    """The dtype of an operand; of a number of Python its type."""
    if type(x) in NUMBERS:
        return type(x)
    if isinstance(x, RecordedArray) and x.weak:
        return {"b": bool, "f": float}.get(x.dtype.kind, int)
    return x.dtype


def elementwise(name: str, *operands: Operand) -> RecordedArray:
    """The ufunc of that name, each operand in the dtype in which NumPy would compute."""
    plain = [_plain(x) for x in operands]
    given = tuple(np.dtype(bool) if kind is bool else kind for kind in map(_kind, plain))
    weak = all(isinstance(kind, type) for kind in given)
    given = tuple(np.dtype(kind) for kind in given) if weak else given
    dtypes = UFUNCS[name].resolve_dtypes((*given, None))
    name = LOGICAL.get(name, name) if dtypes[0] == np.bool_ else name
    result = apply(name, [recorded(x, dtype) for x, dtype in zip(plain, dtypes, strict=False)])
    result.weak = weak
    return result


def _plain(x: Operand) -> Any:
    """A recorded array, an array of NumPy, or a number of Python."""
    return x if isinstance(x, RecordedArray) or type(x) in NUMBERS else np.asarray(x)
