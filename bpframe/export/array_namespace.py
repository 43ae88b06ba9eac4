"""Array namespace of recorded arrays: the vocabulary of the Array API standard (2024.12), each function recorded.

x any shape. What the standard has and no graph can hold (functions whose result has a shape that the values decide)
raises `Unrecorded`.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from functools import partial
from itertools import accumulate
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from bpframe.export import elementwise_functions, shape_functions
from bpframe.export.primitives import UFUNCS
from bpframe.export.recorded_array import (
    Operand,
    RecordedArray,
    Unrecorded,
    apply,
    common_dtype,
    elementwise,
    recorded,
)
from bpframe.types import Shape

Axes = int | Sequence[int] | None
DType = DTypeLike | None
Number = int | float
SAME_AS = {  # names of the standard and of NumPy, and the ufunc
    "abs": "absolute",
    "acos": "arccos",
    "acosh": "arccosh",
    "asin": "arcsin",
    "asinh": "arcsinh",
    "atan": "arctan",
    "atan2": "arctan2",
    "atanh": "arctanh",
    "bitwise_invert": "invert",
    "bitwise_left_shift": "left_shift",
    "bitwise_right_shift": "right_shift",
    "round": "rint",
    "true_divide": "divide",
}
DTYPES = ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32", "float64")
CONSTANTS = ("e", "inf", "nan", "pi", "newaxis", "can_cast", "finfo", "iinfo", "isdtype", "result_type", *DTYPES)
METHODS = ("sum", "max", "min", "prod", "all", "any", "mean", "var", "std", "argmax", "argmin", "astype", "reshape")
HALVES = {2.0: "multiply", 0.5: "sqrt"}  # exponents for which NumPy's ** calls something more exact


def where(condition: Operand, x: Operand, y: Operand, /) -> RecordedArray:
    """As `numpy.where`."""
    dtype = common_dtype(x, y)
    return apply("where", [recorded(condition, bool), recorded(x, dtype), recorded(y, dtype)])


def astype(x: Operand, dtype: DTypeLike, /, *, copy: bool = True, device: object = None) -> RecordedArray:
    """x in another dtype."""
    return recorded(recorded(x), dtype)


def asarray(x: Operand, /, *, dtype: DType = None, copy: bool | None = None, device: object = None) -> RecordedArray:
    """x itself, or numbers as a constant."""
    return recorded(x, dtype)


def clip(x: Operand, /, min: Operand = None, max: Operand = None) -> RecordedArray:
    """As `numpy.clip`."""
    x = x if min is None else elementwise("maximum", x, min)
    return recorded(x if max is None else elementwise("minimum", x, max))


def power(x: Operand, y: Operand, /) -> RecordedArray:
    """x^y; squares and roots as NumPy's operator makes them."""
    if isinstance(x, RecordedArray) and x.dtype.kind == "f" and type(y) in (int, float) and y in HALVES:
        return elementwise("multiply", x, x) if y == 2 else elementwise("sqrt", x)
    return elementwise("power", x, y)


def square(x: Operand, /) -> RecordedArray:
    """x x."""
    return elementwise("multiply", x, x)


def reciprocal(x: Operand, /) -> RecordedArray:
    """1 / x."""
    return elementwise("divide", 1, x)


def full(shape: int | Shape, value: Operand, *, dtype: DType = None, device: object = None) -> RecordedArray:
    """An array of one number."""
    axes = (int(shape),) if isinstance(shape, int | np.integer) else tuple(map(int, shape))
    number = recorded(value, dtype or (np.float64 if isinstance(value, float) else None))
    return shape_functions.broadcast_to(number, axes)


def full_like(x: Operand, value: Operand, *, dtype: DType = None, device: object = None) -> RecordedArray:
    """The same in the shape of x."""
    return full(x.shape, value, dtype=dtype or x.dtype)


def _filled(value: float, shape: int | Shape, *, dtype: DType = None, device: object = None) -> RecordedArray:
    return full(shape, value, dtype=dtype)


def _filled_like(value: float, x: Operand, *, dtype: DType = None, device: object = None) -> RecordedArray:
    return full_like(x, value, dtype=dtype)


def arange(
    start: Number,
    /,
    stop: Number | None = None,
    step: Number = 1,
    *,
    dtype: DType = None,
    device: object = None,
) -> RecordedArray:
    """As `numpy.arange`."""
    start, stop = (0, start) if stop is None else (start, stop)
    kind = np.dtype(dtype or np.arange(start, start + step, step).dtype)
    if all(isinstance(n, int | np.integer) for n in (start, stop, step)):
        return apply("arange", [], start=int(start), stop=int(stop), step=int(step), dtype=kind)
    return recorded(np.arange(start, stop, step, dtype=kind))


def reduction(
    op: str, x: Operand, /, *, axis: Axes = None, keepdims: bool = False, dtype: DType = None
) -> RecordedArray:
    """A reduction over some axes, or all."""
    x = recorded(x)
    if op in ("all", "any"):
        x = recorded(x, bool)
    elif op in ("sum", "prod") and (dtype is not None or x.dtype.kind in "biu"):
        x = recorded(x, dtype or np.sum(np.empty(0, x.dtype)).dtype)
    axes = range(x.ndim) if axis is None else [int(a) % x.ndim for a in np.atleast_1d(axis)]
    return apply(op, [x], axis=tuple(sorted(axes)), keepdims=bool(keepdims))


def place(op: str, x: Operand, /, axis: int | None = None, keepdims: bool = False) -> RecordedArray:
    """Where the largest or the smallest number is."""
    x, at = (shape_functions.reshape(x, (-1,)), 0) if axis is None else (recorded(x), axis % x.ndim)
    return apply(op, [x], axis=at, keepdims=bool(keepdims))


def mean(x: Operand, /, *, axis: Axes = None, keepdims: bool = False) -> RecordedArray:
    """The sum divided by how many there are."""
    total = reduction("sum", x, axis=axis, keepdims=keepdims)
    return elementwise("divide", total, recorded(x).size // max(total.size, 1))


def var(x: Operand, /, *, axis: Axes = None, correction: float = 0.0, keepdims: bool = False) -> RecordedArray:
    """The mean square of what differs from the mean."""
    apart = x - mean(x, axis=axis, keepdims=True)
    total = reduction("sum", apart * apart, axis=axis, keepdims=keepdims)
    return elementwise("divide", total, recorded(x).size // max(total.size, 1) - correction)


def std(x: Operand, /, *, axis: Axes = None, correction: float = 0.0, keepdims: bool = False) -> RecordedArray:
    """The root of the variance."""
    return elementwise("sqrt", var(x, axis=axis, correction=correction, keepdims=keepdims))


def matrix_product(a: Operand, b: Operand, /) -> RecordedArray:
    """As `numpy.matmul`."""
    dtype = common_dtype(a, b)
    return apply("matmul", [recorded(a, dtype), recorded(b, dtype)])


def vecdot(a: Operand, b: Operand, /, *, axis: int = -1) -> RecordedArray:
    """sum(a b) along an axis."""
    return reduction("sum", a * b, axis=axis)


def outer(a: Operand, b: Operand, /) -> RecordedArray:
    """a b^T."""
    return elementwise("multiply", shape_functions.reshape(a, (-1, 1)), shape_functions.reshape(b, (1, -1)))


def ordering(op: str, x: Operand, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> RecordedArray:
    """x sorted, or the places of its numbers in that order."""
    return apply(op, [recorded(x)], axis=axis % x.ndim, descending=bool(descending))


def cumulative_sum(x: Operand, /, *, axis: int | None = None, dtype: DType = None) -> RecordedArray:
    """As `numpy.cumulative_sum`."""
    x = recorded(x) if dtype is None else recorded(recorded(x), dtype)
    return apply("cumulative_sum", [x], axis=0 if axis is None else axis % x.ndim)


def cumulative_prod(x: Operand, /, *, axis: int | None = None, dtype: DType = None) -> RecordedArray:
    """As `numpy.cumulative_prod`, one product after the other."""
    x = recorded(x) if dtype is None else recorded(recorded(x), dtype)
    axis = 0 if axis is None else axis % x.ndim
    parts = [x[(slice(None),) * axis + (slice(k, k + 1),)] for k in range(x.shape[axis])]
    return shape_functions.concat(list(accumulate(parts, operator.mul)), axis=axis)


def constant(function: Callable[..., Any], *args: Any, device: object = None, **settings: Any) -> RecordedArray:
    """What a function of NumPy makes of numbers alone."""
    return recorded(function(*args, **settings))


def triangle(function: Callable[..., Any], x: Operand, /, *, k: int = 0) -> RecordedArray:
    """One triangle of a matrix, zeros in the other."""
    return where(function(np.ones(x.shape[-2:], bool), k), x, recorded(0, x.dtype))


def _same(x: RecordedArray, order: str = "C") -> RecordedArray:
    return x


def _flat(x: RecordedArray) -> RecordedArray:
    return shape_functions.reshape(x, (-1,))


class RecordingNamespace(ModuleType):
    """The functions above by their names in the standard; others are refused in words."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise Unrecorded(f"the function {name} of the namespace, which no form of an export has")


FUNCTIONS: dict[str, Callable[..., Any]] = {
    **{name: partial(elementwise, name) for name in UFUNCS},
    **elementwise_functions.FUNCTIONS,
    **{name: elementwise_functions.FUNCTIONS.get(u, partial(elementwise, u)) for name, u in SAME_AS.items()},
    **{name: partial(reduction, name) for name in ("sum", "max", "min", "prod", "all", "any")},
    **{name: partial(place, name) for name in ("argmax", "argmin")},
    **{name: partial(ordering, name) for name in ("sort", "argsort")},
    **{name: partial(constant, getattr(np, name)) for name in ("eye", "linspace")},
    **{name: partial(triangle, getattr(np, name)) for name in ("tril", "triu")},
    **{name: getattr(shape_functions, name) for name in vars(shape_functions) if name.islower() and name[0] != "_"},
}
FUNCTIONS |= {f.__name__: f for f in (where, astype, asarray, clip, power, square, reciprocal, full, full_like, arange)}
FUNCTIONS |= {f.__name__: f for f in (mean, var, std, vecdot, outer, cumulative_sum, cumulative_prod)}
FUNCTIONS |= {
    "pow": power,
    "matmul": matrix_product,
    "array": asarray,
    "transpose": shape_functions.permute_dims,
    "matrix_transpose": operator.attrgetter("mT"),
}
FUNCTIONS |= {
    "concatenate": shape_functions.concat,
    "cumsum": cumulative_sum,
    "cumprod": cumulative_prod,
    "amax": FUNCTIONS["max"],
}
FUNCTIONS |= {name: partial(_filled, value) for name, value in (("zeros", 0.0), ("ones", 1.0))}
FUNCTIONS |= {f"{name}_like": partial(_filled_like, value) for name, value in (("zeros", 0), ("ones", 1))}

NAMESPACE = RecordingNamespace("bpframe.export.array_namespace")
vars(NAMESPACE).update(FUNCTIONS, **{name: getattr(np, name) for name in CONSTANTS})
RecordedArray.namespace = NAMESPACE
RecordedArray.methods = {name: FUNCTIONS[name] for name in (*METHODS, "transpose", "cumsum")} | {
    "copy": _same,
    "ravel": lambda x: shape_functions.reshape(x, (-1,)),
}
