"""Elementwise functions of the namespace that need care, so that every form has NumPy's meaning of them.

a, b, x any shape. Whole numbers and booleans take functions of real numbers, too; quotients round down exactly.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from bpframe.export.recorded_array import Operand, RecordedArray, elementwise, recorded


def _logical(name: str, *operands: Operand) -> RecordedArray:
    """Of numbers, whether they differ from 0."""
    truths = (recorded(x) for x in operands)
    return elementwise(name, *(x if x.dtype.kind == "b" else elementwise("not_equal", x, 0) for x in truths))


def _rounded(name: str, x: Operand) -> RecordedArray:
    """Whole numbers are round."""
    return elementwise(name, x) if recorded(x).dtype.kind == "f" else recorded(x)


def _classified(name: str, other: str, x: Operand) -> RecordedArray:
    """Whole numbers are finite; `other` holds of x and itself where `name` does of whole numbers."""
    x = recorded(x)
    return elementwise(name, x) if x.dtype.kind == "f" else elementwise(other, x, x)


def _compared(name: str, a: Operand, b: Operand) -> RecordedArray:
    """Booleans are in the order of 0 and 1."""
    return elementwise(name, *(recorded(x, np.int32) if _is_truth(x) else x for x in (a, b)))


def _is_truth(x: Operand) -> bool:
    return isinstance(x, RecordedArray | np.ndarray) and x.dtype == np.bool_


def _of_sign(name: str, x: Operand) -> RecordedArray:
    """Of numbers without a sign, themselves and at most 1."""
    x = recorded(x)
    if x.dtype.kind != "u":
        return elementwise(name, x)
    return x if name == "absolute" else elementwise("minimum", x, 1)


def floor_divide(a: Operand, b: Operand, /) -> RecordedArray:
    """The largest whole number up to a / b, of what fmod leaves: a / b itself may round up to the next."""
    if _whole(a) and _whole(b):
        return elementwise("floor_divide", a, b)
    quotient, (rest, differs) = elementwise("divide", a, b), _rest(a, b)
    near = elementwise("divide", elementwise("subtract", a, rest), b)
    exact = elementwise("rint", _where(differs, elementwise("subtract", near, 1), near))
    none = elementwise("copysign", elementwise("multiply", exact, 0), quotient)
    return _where(elementwise("equal", b, 0), quotient, _where(elementwise("equal", exact, 0), none, exact))


def remainder(a: Operand, b: Operand, /) -> RecordedArray:
    """a - b floor(a / b), which has the sign of b: what fmod leaves, plus b where the signs differ."""
    if _whole(a) and _whole(b):
        return elementwise("remainder", a, b)
    rest, differs = _rest(a, b)
    none = elementwise("copysign", rest, b)
    return _where(elementwise("equal", rest, 0), none, _where(differs, elementwise("add", rest, b), rest))


def _rest(a: Operand, b: Operand) -> tuple[RecordedArray, RecordedArray]:
    """(fmod(a, b), whether it is not 0 and has another sign than b)."""
    rest = elementwise("fmod", a, b)
    apart = elementwise("logical_xor", elementwise("less", rest, 0), elementwise("less", b, 0))
    return rest, elementwise("logical_and", apart, elementwise("not_equal", rest, 0))


def _whole(x: Operand) -> bool:
    return (x if isinstance(x, RecordedArray) else np.asarray(x)).dtype.kind != "f"


def _where(condition: Operand, x: Operand, y: Operand) -> RecordedArray:
    result: RecordedArray = RecordedArray.namespace.where(condition, x, y)
    return result


FUNCTIONS: dict[str, Callable[..., Any]] = {
    **{name: partial(_logical, name) for name in ("logical_and", "logical_or", "logical_xor", "logical_not")},
    **{name: partial(_rounded, name) for name in ("floor", "ceil", "trunc")},
    **{name: partial(_classified, name, "not_equal") for name in ("isnan", "isinf")},
    "isfinite": partial(_classified, "isfinite", "equal"),
    **{name: partial(_compared, name) for name in ("less", "less_equal", "greater", "greater_equal")},
    **{name: partial(_of_sign, name) for name in ("absolute", "sign")},
    "floor_divide": floor_divide,
    "remainder": remainder,
}
