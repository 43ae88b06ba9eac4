"""Dialect of C99: numbers of NumPy's dtypes, and the functions of math.h."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, final

import numpy as np

from bpframe.errors import ConfigError
from bpframe.export.loops.truths import SHARED
from bpframe.types import HostArray

TYPES = {
    "float32": "float",
    "float64": "double",
    "bool": "int",
    "int32": "int",
    "int64": "long long",
    "uint32": "unsigned int",
}
FUNCTIONS = {  # of math.h, with an f behind in float32
    "absolute": "fabs",
    "arccos": "acos",
    "arccosh": "acosh",
    "arcsin": "asin",
    "arcsinh": "asinh",
    "arctan": "atan",
    "arctan2": "atan2",
    "arctanh": "atanh",
    "power": "pow",
    "fmod": "fmod",
    **{name: name for name in ("ceil", "copysign", "cos", "cosh", "exp", "expm1", "floor", "hypot", "log", "log1p")},
    **{name: name for name in ("log10", "log2", "rint", "sin", "sinh", "sqrt", "tan", "tanh", "trunc")},
}
OTHERS = {
    "equal": "({0} == {1})",
    "not_equal": "({0} != {1})",
    "right_shift": "({0} >> {1})",
    "isnan": "({0} != {0})",
    "isinf": "(isinf({0}) != 0)",
    "isfinite": "(isfinite({0}) != 0)",
}
OF_WHOLE_NUMBERS = {  # division by 0 gives 0
    "absolute": "({0} < 0 ? -{0} : {0})",
    "floor_divide": "({1} == 0 ? 0 : {0} / {1} - ({0} % {1} != 0 && ({0} < 0) != ({1} < 0)))",
    "remainder": "({1} == 0 ? 0 : ({0} % {1} + {1}) % {1})",
    "floor_divide without sign": "({1} == 0 ? 0 : {0} / {1})",
    "remainder without sign": "({1} == 0 ? 0 : {0} % {1})",
    "power": "(({type}) bpframe_power({0}, {1}))",
    "power without sign": "(({type}) bpframe_power({0}, {1}))",
}
POWER = """
#ifndef BPFRAME_POWER
#define BPFRAME_POWER
static inline unsigned long long bpframe_power(unsigned long long x, unsigned long long n) {
    unsigned long long y = 1;
    for (; n > 0; n >>= 1, x *= x)
        if (n & 1) y *= x;
    return y;
}
#endif
"""  # x^n of whole numbers, modulo 2^64, of which those with a sign have the same bits
A_LINE = 12  # numbers in a line


@final
class CDialect:
    """C99."""

    quotient = "{} / {}"
    counter = "int"

    def literal(self, value: Any, dtype: np.dtype[Any]) -> str:
        """A number that reads back as the same bits."""
        number = np.asarray(value).astype(dtype)[()]
        if dtype.kind != "f":
            return str(int(number)) + {"uint32": "u", "int64": "ll"}.get(dtype.name, "")
        if not math.isfinite(number):
            return "NAN" if math.isnan(number) else "(-INFINITY)" if number < 0 else "INFINITY"
        text = repr(number.item()) if dtype == np.float64 else str(number)
        text = text if "." in text or "e" in text else f"{text}.0"
        text += "f" if dtype == np.float32 else ""
        return f"({text})" if text.startswith("-") else text

    def variable(self, name: str, dtype: np.dtype[Any], value: str, changes: bool = False) -> str:
        """float name = value;"""
        return f"{'' if changes else 'const '}{c_type(dtype)} {name} = {value};"

    def array(self, name: str, dtype: np.dtype[Any], size: int) -> str:
        """float name[size];"""
        return f"{c_type(dtype)} {name}[{max(1, size)}];"

    def view(self, name: str, dtype: np.dtype[Any], array: str, start: str, size: int) -> str:
        """const float *name = array + start;"""
        return f"const {c_type(dtype)} *{name} = {array} + {start};"

    def constant(self, name: str, value: HostArray) -> str:
        """static const float name[] = {...};"""
        return f"static const {c_type(value.dtype)} {name}[{max(1, value.size)}] = {self.numbers(value)};"

    def numbers(self, value: HostArray) -> str:
        """{..., ...}, the initializer of an array."""
        numbers = [self.literal(number, value.dtype).strip("()") for number in value.ravel()] or ["0"]
        lines = [", ".join(numbers[i : i + A_LINE]) for i in range(0, len(numbers), A_LINE)]
        body = ",\n    ".join(lines)
        return f"{{\n    {body}\n}}"

    def operation(self, op: str, dtype: np.dtype[Any], operands: Sequence[str], to: np.dtype[Any]) -> str:
        """An expression."""
        if op == "cast":
            return _cast(operands[0], to)
        if op in SHARED or op in OTHERS:
            return (SHARED | OTHERS)[op].format(*operands)
        if dtype.kind == "f":
            if op in FUNCTIONS:
                return f"{FUNCTIONS[op]}{_suffix(dtype)}({', '.join(operands)})"
        elif op in OF_WHOLE_NUMBERS:
            text = OF_WHOLE_NUMBERS[op if dtype.kind == "i" else f"{op} without sign"]
            return text.format(*operands, type=c_type(dtype))
        raise ConfigError(f"C has no {op} of {dtype} numbers.")


def _cast(x: str, to: np.dtype[Any]) -> str:
    return f"({x} != 0)" if to.kind == "b" else f"(({c_type(to)}) {x})"


def _suffix(dtype: np.dtype[Any]) -> str:
    return "f" if dtype == np.float32 else ""


def c_type(dtype: np.dtype[Any]) -> str:
    """The type of C for a dtype."""
    if dtype.name not in TYPES:
        raise ConfigError(f"C has no type here for numbers of {dtype}.")
    return TYPES[dtype.name]
