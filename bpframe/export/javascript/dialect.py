"""Dialect of JavaScript: its one type of number, rounded to float32 after each operation where the dtype is that."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, final

import numpy as np

from bpframe.errors import ConfigError
from bpframe.export.loops.truths import SHARED
from bpframe.types import HostArray

ARRAYS = {
    "float32": "Float32Array",
    "float64": "Float64Array",
    "bool": "Uint8Array",
    "int32": "Int32Array",
    "int64": "Float64Array",
    "uint32": "Uint32Array",
}
FUNCTIONS = {
    "absolute": "Math.abs",
    "arccos": "Math.acos",
    "arccosh": "Math.acosh",
    "arcsin": "Math.asin",
    "arcsinh": "Math.asinh",
    "arctan": "Math.atan",
    "arctan2": "Math.atan2",
    "arctanh": "Math.atanh",
    "isfinite": "Number.isFinite",
    "isnan": "Number.isNaN",
    **{name: f"Math.{name}" for name in ("ceil", "cos", "cosh", "exp", "expm1", "floor", "hypot", "log", "log1p")},
    **{name: f"Math.{name}" for name in ("log10", "log2", "sin", "sinh", "sqrt", "tan", "tanh", "trunc")},
    "rint": "rint",
}
OTHERS = {
    "copysign": "(({1} < 0 || Object.is({1}, -0)) ? -Math.abs({0}) : Math.abs({0}))",
    "equal": "({0} === {1})",
    "floor_divide": "({1} === 0 ? 0 : Math.floor({0} / {1}))",  # of whole numbers, as the next
    "isinf": "(Math.abs({0}) === Infinity)",
    "not_equal": "({0} !== {1})",
    "fmod": "({0} % {1})",
    "remainder": "({1} === 0 ? 0 : ({0} % {1} + {1}) % {1})",
    "power": "({0} === 1 || ({0} === -1 && Math.abs({1}) === Infinity) ? 1 : Math.pow({0}, {1}))",
    "right_shift": "({0} >> {1})",
}
OF_UINT32 = {
    "multiply": "Math.imul({0}, {1})",
    "right_shift": "({0} >>> {1})",
}
OF_INT64 = {  # whose bits JavaScript has no operators for; whole numbers are exact up to 2^53
    "bitwise_and": "Number(BigInt({0}) & BigInt({1}))",
    "bitwise_or": "Number(BigInt({0}) | BigInt({1}))",
    "bitwise_xor": "Number(BigInt({0}) ^ BigInt({1}))",
    "invert": "(-1 - {0})",
    "left_shift": "({0} * Math.pow(2, {1}))",
    "right_shift": "Math.floor({0} / Math.pow(2, {1}))",
}
OF_DTYPE = {"uint32": OF_UINT32, "int64": OF_INT64}
A_LINE = 12  # numbers in a line


@final
class JavaScriptDialect:
    """ECMAScript 2015."""

    quotient = "({} / {} | 0)"
    counter = "let"

    def literal(self, value: Any, dtype: np.dtype[Any]) -> str:
        """A number that reads back as the same bits."""
        number = np.asarray(value).astype(dtype)[()]
        if dtype.kind != "f":
            return str(int(number))
        if not math.isfinite(number):
            return "NaN" if math.isnan(number) else "(-Infinity)" if number < 0 else "Infinity"
        text = repr(float(number))
        return f"({text})" if text.startswith("-") else text

    def variable(self, name: str, dtype: np.dtype[Any], value: str, changes: bool = False) -> str:
        """const name = value;"""
        return f"{'let' if changes else 'const'} {name} = {value};"

    def array(self, name: str, dtype: np.dtype[Any], size: int) -> str:
        """const name = new Float32Array(size);"""
        return f"const {name} = new {js_array(dtype)}({size});"

    def view(self, name: str, dtype: np.dtype[Any], array: str, start: str, size: int) -> str:
        """const name = array.subarray(start, start + size);"""
        return f"const {name} = {array}.subarray({start}, {start} + {size});"

    def constant(self, name: str, value: HostArray) -> str:
        """const name = Float32Array.of(...);"""
        if not np.isfinite(value).all():
            return self._lines(name, value, [self.literal(n, value.dtype) for n in value.ravel()])
        return self._lines(name, value, [repr(n) for n in value.ravel().tolist()])

    def _lines(self, name: str, value: HostArray, numbers: Sequence[str]) -> str:
        numbers = ["1" if n == "True" else "0" if n == "False" else n for n in numbers]
        body = ",\n  ".join(", ".join(numbers[i : i + A_LINE]) for i in range(0, len(numbers), A_LINE))
        return f"const {name} = new {js_array(value.dtype)}([\n  {body}\n]);"

    def operation(self, op: str, dtype: np.dtype[Any], operands: Sequence[str], to: np.dtype[Any]) -> str:
        """An expression."""
        if op == "cast":
            return _cast(operands[0], dtype, to)
        known = SHARED | OTHERS | OF_DTYPE.get(dtype.name, {})
        if op in FUNCTIONS:
            text = f"{FUNCTIONS[op]}({', '.join(operands)})"
        elif op in known:
            text = known[op].format(*operands)
        else:
            raise ConfigError(f"JavaScript has no {op} of {dtype} numbers.")
        if to == np.float32 and op not in ("where", "maximum", "minimum", "negative", "absolute", "sign"):
            return f"fround{text}" if text.startswith("(") and op in SHARED else f"fround({text})"
        return f"({text} >>> 0)" if to == np.uint32 else text


def _cast(x: str, dtype: np.dtype[Any], to: np.dtype[Any]) -> str:
    if to.kind == "b":
        return f"({x} !== 0)"
    if to == np.float32:
        return f"fround({x})"
    if to.kind in "iu" and dtype.kind == "f":
        return f"Math.trunc({x})"
    return f"Number({x})" if dtype.kind == "b" else x


def js_array(dtype: np.dtype[Any]) -> str:
    """The class of arrays for a dtype."""
    if dtype.name not in ARRAYS:
        raise ConfigError(f"JavaScript has no arrays here for numbers of {dtype}.")
    return ARRAYS[dtype.name]
