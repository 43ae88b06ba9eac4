"""Arrays that note what is done with them.

A function of pure array code, run once on such arrays, leaves the NumPy calls that it made as `Line`s, with the values
that they had, from which `codegen` makes a program without the function. What cannot be noted (a look at a value, a
function that is not NumPy's) raises `Unwritable`.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any, final

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from bpframe.ops import host, thread_team
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


class Unwritable(Exception):
    """Something was done with an array that cannot be noted."""


class Kind(Enum):
    """What a line is, for who looks for a place for its result."""

    ELEMENT = auto()  # a ufunc of each element, which may write over an operand
    PRODUCT = auto()  # a ufunc of matrices, which may not
    REDUCE = auto()
    CAST = auto()  # the same numbers in another type or order
    WRITE = auto()  # an array of which a part was exchanged: (array, key, part)
    VIEW = auto()  # the same memory as the first operand
    CALL = auto()  # any other; its result is a number, or an array of its own


@final
@dataclass(eq=False, slots=True)
class Value:
    """What a line gave, or what was there before the first; `base`: whose memory it shares."""

    now: Any
    base: Value | None = None

    @property
    def root(self) -> Value:
        """The owner of its memory."""
        return self if self.base is None else self.base.root


@final
@dataclass(eq=False, slots=True)
class Line:
    """One call: operands are Values or constants (lists of them too)."""

    kind: Kind
    function: Callable[..., Any]
    operands: tuple[Any, ...]
    options: dict[str, Any]
    result: Value

    @property
    def uses(self) -> Iterator[Value]:
        """The Values among the operands."""
        return values((self.operands, tuple(self.options.values())))


def values(structure: Any) -> Iterator[Value]:
    """The Values in tuples and lists."""
    if isinstance(structure, Value):
        yield structure
    elif isinstance(structure, tuple | list):
        for item in structure:
            yield from values(item)


@final
@dataclass(eq=False)
class Notes:
    """The lines in their order, since the function began."""

    lines: list[Line] = field(default_factory=list)

    def call(self, kind: Kind, function: Callable[..., Any], *operands: Any, **options: Any) -> Noted:
        """The result of a call, which is noted."""
        operands, options = _seen(operands), {name: _seen(option) for name, option in options.items()}
        now = function(*_now(operands), **{name: _now(option) for name, option in options.items()})
        if not isinstance(now, np.ndarray | np.generic | float | int):
            raise Unwritable(f"{function} gives {type(now).__name__}")
        if not isinstance(now, np.ndarray):
            kind = Kind.CALL
        base = None
        if kind in (Kind.CALL, Kind.VIEW) and isinstance(now, np.ndarray):
            shared = [v for v in values(operands) if isinstance(v.now, np.ndarray) and np.may_share_memory(v.now, now)]
            base = shared[0] if shared else None
            kind = Kind.CALL if base is None else Kind.VIEW
        result = Value(now, base)
        self.lines.append(Line(kind, function, operands, options, result))
        return Noted(self, result)


def _seen(structure: Any) -> Any:
    """The structure with the Value that each Noted has at present."""
    if isinstance(structure, Noted):
        return structure.at
    if isinstance(structure, tuple | list):
        return type(structure)(_seen(item) for item in structure)
    if isinstance(structure, dict):
        raise Unwritable("a mapping among the operands")
    return structure


def _now(structure: Any) -> Any:
    if isinstance(structure, Value):
        return structure.now
    return type(structure)(map(_now, structure)) if isinstance(structure, tuple | list) else structure


@final
class Noted(NDArrayOperatorsMixin):
    """An array, or a number, of which every use is noted. `at`: its Value, another one after a change in place."""

    __slots__ = ("at", "notes")

    def __init__(self, notes: Notes, at: Value) -> None:
        self.notes, self.at = notes, at

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        (into,) = options.pop("out", (None,))
        if method == "reduce" and options.keys() <= {"axis", "dtype", "keepdims"} and options.get("dtype") is None:
            how = options.get("axis", 0), None, None, options.get("keepdims", False)
            made = self.notes.call(Kind.REDUCE, ufunc.reduce, *inputs, *how)
        elif method != "__call__" or options or ufunc.nout > 1:
            raise Unwritable(f"{ufunc.__name__}.{method} with {options}")
        elif all(isinstance(_now(_seen(x)), NUMBERS) for x in inputs):
            made = self.notes.call(Kind.CALL, OPERATORS.get(ufunc, ufunc), *inputs)
        elif ufunc is np.matmul and thread_team.is_large(*inputs):
            made = self.notes.call(Kind.PRODUCT, thread_team.matmul, *inputs)
        else:
            made = self.notes.call(Kind.PRODUCT if ufunc.signature else Kind.ELEMENT, ufunc, *inputs)
        if into is None:
            return made
        if not isinstance(into, Noted) or (made.shape, made.dtype) != (into.shape, into.dtype):
            raise Unwritable(f"{ufunc.__name__} into another array")
        into.at = made.at
        return into

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        return self.notes.call(Kind.CALL, function, *args, **options)

    def __array_namespace__(self, *, api_version: Any = None) -> Any:
        return np  # as an array's own; `ops.namespace` has another

    def __getitem__(self, key: Any) -> Noted:
        return self.notes.call(Kind.VIEW, operator.getitem, self, key)

    def __setitem__(self, key: Any, part: Any) -> None:
        if isinstance(key, Noted):
            raise Unwritable("an index that is computed")
        self.at = self.notes.call(Kind.WRITE, written, self, key, part).at

    def reshape(self, *shape: Any) -> Noted:
        """As an array's."""
        return self.notes.call(Kind.VIEW, np.reshape, self, shape[0] if len(shape) == 1 else shape)

    def astype(self, dtype: Any, copy: bool = True) -> Noted:
        """As an array's."""
        if not copy and self.dtype == dtype:
            return self
        return self.notes.call(Kind.CAST, np.ndarray.astype, self, dtype)

    def copy(self, order: Any = "C") -> Noted:
        """As an array's."""
        return self.notes.call(Kind.CAST, np.ndarray.copy, self, order)

    @property
    def T(self) -> Noted:  # noqa: N802  (the standard's own name)
        """As an array's."""
        return self.notes.call(Kind.VIEW, np.transpose, self)

    @property
    def shape(self) -> tuple[int, ...]:
        """As an array's."""
        return np.shape(self.at.now)

    @property
    def dtype(self) -> Any:
        """As an array's."""
        return self.at.now.dtype

    @property
    def ndim(self) -> int:
        """As an array's."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """As an array's."""
        return int(np.size(self.at.now))

    @property
    def flags(self) -> Any:
        """As an array's."""
        return self.at.now.flags

    def __len__(self) -> int:
        return self.shape[0]

    def _refuse(self, *_: Any) -> Any:
        raise Unwritable("a value is looked at")

    __bool__ = __float__ = __int__ = __index__ = __iter__ = __array__ = __contains__ = _refuse


def written(array: HostArray, key: Any, part: Any) -> HostArray:
    """A copy of the array with a part exchanged."""
    new = array.copy(order="K")
    new[key] = part
    return new


host.HOSTED.add(Noted)
