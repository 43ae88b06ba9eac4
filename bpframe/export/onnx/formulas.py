"""Formulas of elementwise operations in ONNX: one node where an operator computes the same, else an exact formula.

The operators that look alike and are not (Sigmoid, Softplus, Elu, ... whose kernels lose small values, or have none in
float64) are never used: a component's own formula stays as it is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, final

import numpy as np
from onnx import helper

from bpframe.errors import ConfigError
from bpframe.export.onnx.node_emitter import Name, NodeEmitter

SAME = {
    "absolute": "Abs",
    "add": "Add",
    "bitwise_and": "BitwiseAnd",
    "bitwise_or": "BitwiseOr",
    "bitwise_xor": "BitwiseXor",
    "ceil": "Ceil",
    "cos": "Cos",
    "divide": "Div",
    "equal": "Equal",
    "exp": "Exp",
    "floor": "Floor",
    "greater": "Greater",
    "greater_equal": "GreaterOrEqual",
    "invert": "BitwiseNot",
    "isinf": "IsInf",
    "isnan": "IsNaN",
    "less": "Less",
    "less_equal": "LessOrEqual",
    "log": "Log",
    "logical_and": "And",
    "logical_not": "Not",
    "logical_or": "Or",
    "logical_xor": "Xor",
    "maximum": "Max",
    "minimum": "Min",
    "multiply": "Mul",
    "negative": "Neg",
    "power": "Pow",
    "rint": "Round",
    "sign": "Sign",
    "sin": "Sin",
    "sqrt": "Sqrt",
    "subtract": "Sub",
    "tanh": "Tanh",
}

# arctan for |x| <= tan(pi/8) and its like, highest power first. Source: Moshier, Cephes Mathematical Library, atan.c.
ATAN_ABOVE = (
    -8.750608600031904122785e-1,
    -1.615753718733365076637e1,
    -7.500855792314704667340e1,
    -1.228866684490136173410e2,
    -6.485021904942025371773e1,
)
ATAN_BELOW = (
    1.0,
    2.485846490142306297962e1,
    1.650270098316988542046e2,
    4.328810604912902668951e2,
    4.853903996359136964868e2,
    1.945506571482613964425e2,
)


FAR = 2.0**28  # above which 1 + x^2 is x^2 in float64, too


@final
class Formulas:
    """Formulas on names of results of one dtype; operators of Python are not at hand, since names are text."""

    def __init__(self, builder: NodeEmitter, dtype: np.dtype[Any]) -> None:
        self._builder, self._dtype = builder, dtype

    def emit(self, op: str, *operands: Name | float) -> Name:
        """A node; numbers become constants in the dtype."""
        names = [x if isinstance(x, str) else self._builder.constant(x, self._dtype) for x in operands]
        return str(self._builder.emit(op, *names))

    def where(self, condition: Name, x: Name | float, y: Name | float) -> Name:
        """x where the condition holds, else y; booleans too, for which onnxruntime has no Where."""
        if self._dtype.kind != "b":
            return self.emit("Where", condition, x, y)
        return self.emit("Or", self.emit("And", condition, x), self.emit("And", self.emit("Not", condition), y))

    def expm1(self, x: Name) -> Name:
        """e^x - 1 = (u - 1) x / log u, u = e^x rounded: its error cancels. Source: Kahan, in Higham (2002), 1.14.1.

        x itself where u is 1, u - 1 where x is far from 0, which is right there and where log u is not.
        """
        u = self.emit("Exp", x)
        less = self.emit("Sub", u, 1.0)
        near = self.emit("Less", self.emit("Abs", x), 1.0)
        one = self.emit("Equal", u, 1.0)
        use = self.emit("And", near, self.emit("Not", one))
        quotient = self.emit("Div", x, self.emit("Log", self.where(use, u, 2.0)))
        return self.where(one, x, self.where(near, self.emit("Mul", less, quotient), less))

    def log1p(self, x: Name) -> Name:
        """log(1 + x) = x log u / (u - 1), u = 1 + x rounded. Source: as `expm1`."""
        u = self.emit("Add", x, 1.0)
        less = self.emit("Sub", u, 1.0)
        near = self.emit("Less", self.emit("Abs", x), 1.0)
        one = self.emit("Equal", u, 1.0)
        log = self.emit("Log", u)
        use = self.emit("And", near, self.emit("Not", one))
        quotient = self.emit("Div", x, self.where(use, less, 1.0))
        return self.where(one, x, self.where(near, self.emit("Mul", log, quotient), log))

    def sinh(self, x: Name) -> Name:
        """(e + e / (e + 1)) / 2 with the sign of x, e = expm1 |x|."""
        e = self.expm1(self.emit("Abs", x))
        total = self.emit("Add", e, self.emit("Div", e, self.emit("Add", e, 1.0)))
        infinite = self.emit("IsInf", e)
        return self.emit("Mul", self.emit("Sign", x), self.where(infinite, e, self.emit("Mul", total, 0.5)))

    def cosh(self, x: Name) -> Name:
        """(e^|x| + e^-|x|) / 2."""
        size = self.emit("Abs", x)
        down = self.emit("Exp", self.emit("Neg", size))
        return self.emit("Mul", self.emit("Add", self.emit("Exp", size), down), 0.5)

    def tan(self, x: Name) -> Name:
        """sin x / cos x."""
        return self.emit("Div", self.emit("Sin", x), self.emit("Cos", x))

    def arctan(self, x: Name) -> Name:
        """As Cephes: |x| is brought below 0.66 by 1 / x or (x - 1) / (x + 1), and a rational function does the rest."""
        size = self.emit("Abs", x)
        far, middle = self.emit("Greater", size, 1 + math.sqrt(2)), self.emit("Greater", size, 0.66)
        inverse = self.emit("Div", -1.0, self.where(far, size, 1.0))
        shifted = self.emit("Div", self.emit("Sub", size, 1.0), self.emit("Add", self.where(far, 1.0, size), 1.0))
        t = self.where(far, inverse, self.where(middle, shifted, size))
        base = self.where(far, math.pi / 2, self.where(middle, math.pi / 4, self.emit("Mul", size, 0.0)))
        square = self.emit("Mul", t, t)
        ratio = self.emit("Div", self._polynomial(ATAN_ABOVE, square), self._polynomial(ATAN_BELOW, square))
        rest = self.emit("Add", t, self.emit("Mul", t, self.emit("Mul", square, ratio)))
        return self.emit("Mul", self.emit("Sign", x), self.emit("Add", base, rest))

    def arcsin(self, x: Name) -> Name:
        """arctan(x / sqrt((1 - x) (1 + x)))."""
        rest = self.emit("Mul", self.emit("Sub", 1.0, x), self.emit("Add", 1.0, x))
        return self.arctan(self.emit("Div", x, self.emit("Sqrt", rest)))

    def arccos(self, x: Name) -> Name:
        """2 arctan(sqrt((1 - x) / (1 + x)))."""
        ratio = self.emit("Div", self.emit("Sub", 1.0, x), self.emit("Add", 1.0, x))
        return self.emit("Mul", self.arctan(self.emit("Sqrt", ratio)), 2.0)

    def arcsinh(self, x: Name) -> Name:
        """log1p(a + a^2 / (1 + sqrt(1 + a^2))) with the sign of x, a = |x|; log a + log 2 where a^2 is large."""
        size = self.emit("Abs", x)
        far = self.emit("Greater", size, FAR)
        a = self.where(far, 1.0, size)
        square = self.emit("Mul", a, a)
        root = self.emit("Add", self.emit("Sqrt", self.emit("Add", square, 1.0)), 1.0)
        near = self.log1p(self.emit("Add", a, self.emit("Div", square, root)))
        return self.emit("Mul", self.emit("Sign", x), self.where(far, self._log_double(size), near))

    def arccosh(self, x: Name) -> Name:
        """log1p(t + sqrt(t) sqrt(t + 2)), t = x - 1, which is NaN below 1; log x + log 2 where x is large."""
        far = self.emit("Greater", x, FAR)
        t = self.where(far, 1.0, self.emit("Sub", x, 1.0))
        inside = self.emit("Mul", self.emit("Sqrt", t), self.emit("Sqrt", self.emit("Add", t, 2.0)))
        return self.where(far, self._log_double(self.where(far, x, 1.0)), self.log1p(self.emit("Add", t, inside)))

    def _log_double(self, x: Name) -> Name:
        return self.emit("Add", self.emit("Log", x), math.log(2))

    def arctanh(self, x: Name) -> Name:
        """log1p(2 x / (1 - x)) / 2."""
        inside = self.emit("Div", self.emit("Mul", x, 2.0), self.emit("Sub", 1.0, x))
        return self.emit("Mul", self.log1p(inside), 0.5)

    def hypot(self, a: Name, b: Name) -> Name:
        """m sqrt(1 + (n / m)^2), m and n the larger and the smaller of |a| and |b|: nothing overflows."""
        a, b = self.emit("Abs", a), self.emit("Abs", b)
        m, n = self.emit("Max", a, b), self.emit("Min", a, b)
        plain = self.emit("Or", self.emit("Equal", m, 0.0), self.emit("IsInf", m))
        ratio = self.emit("Div", n, self.where(plain, 1.0, m))
        return self.emit("Mul", m, self.emit("Sqrt", self.emit("Add", self.emit("Mul", ratio, ratio), 1.0)))

    def log2(self, x: Name) -> Name:
        """log x / log 2."""
        return self.emit("Mul", self.emit("Log", x), 1 / math.log(2))

    def log10(self, x: Name) -> Name:
        """log x / log 10."""
        return self.emit("Mul", self.emit("Log", x), 1 / math.log(10))

    def trunc(self, x: Name) -> Name:
        """sign(x) floor |x|."""
        return self.emit("Mul", self.emit("Sign", x), self.emit("Floor", self.emit("Abs", x)))

    def not_equal(self, x: Name, y: Name) -> Name:
        """not x = y."""
        return self.emit("Not", self.emit("Equal", x, y))

    def isfinite(self, x: Name) -> Name:
        """Neither infinite nor NaN."""
        return self.emit("Not", self.emit("Or", self.emit("IsInf", x), self.emit("IsNaN", x)))

    def fmod(self, x: Name, y: Name) -> Name:
        """x - trunc(x / y) y."""
        return str(self._builder.emit("Mod", x, y, fmod=1))

    def remainder(self, x: Name, y: Name) -> Name:
        """x - floor(x / y) y of whole numbers, 0 where y is."""
        zero = self.emit("Equal", y, 0)
        return self.where(zero, 0, self.emit("Mod", x, self.where(zero, 1, y)))

    def floor_divide(self, x: Name, y: Name) -> Name:
        """floor(x / y) of whole numbers, 0 where y is."""
        zero = self.emit("Equal", y, 0)
        rest = self.emit("Sub", x, self.remainder(x, y))
        return self.where(zero, 0, self.emit("Div", rest, self.where(zero, 1, y)))

    def negative_sign(self, x: Name) -> Name:
        """Whether x is below 0 or -0."""
        return self.emit("Or", self.emit("Less", x, 0.0), self.emit("Less", self.emit("Div", 1.0, x), 0.0))

    def copysign(self, x: Name, y: Name) -> Name:
        """|x| with the sign of y."""
        size = self.emit("Abs", x)
        return self.where(self.negative_sign(y), self.emit("Neg", size), size)

    def arctan2(self, y: Name, x: Name) -> Name:
        """The angle of (x, y): arctan of the smaller over the larger of |x| and |y|, brought to its octant."""
        a, b = self.emit("Abs", x), self.emit("Abs", y)
        larger, smaller = self.emit("Max", a, b), self.emit("Min", a, b)
        zero, both = self.emit("Equal", larger, 0.0), self.emit("IsInf", smaller)
        far = self.emit("IsInf", larger)
        usual = self.emit("Div", smaller, self.where(self.emit("Or", zero, far), 1.0, larger))
        ratio = self.where(both, 1.0, self.where(far, 0.0, usual))
        angle = self.arctan(ratio)
        steep = self.where(self.emit("Greater", b, a), self.emit("Sub", math.pi / 2, angle), angle)
        turned = self.where(self.negative_sign(x), self.emit("Sub", math.pi, steep), steep)
        unknown = self.emit("Or", self.emit("IsNaN", x), self.emit("IsNaN", y))
        return self.where(unknown, math.nan, self.copysign(turned, y))

    def left_shift(self, x: Name, y: Name) -> Name:
        """x 2^y; of numbers with a sign by their bits, since onnxruntime shifts those without."""
        return self._shifted(x, y, "LEFT")

    def right_shift(self, x: Name, y: Name) -> Name:
        """floor(x / 2^y); for x below 0 -1 - floor((-1 - x) / 2^y), where -1 - x has the other bits."""
        if self._dtype.kind == "u":
            return self._shifted(x, y, "RIGHT")
        below = self.emit("Less", x, 0.0)
        shifted = self._shifted(self.where(below, self.emit("BitwiseNot", x), x), y, "RIGHT")
        return self.where(below, self.emit("BitwiseNot", shifted), shifted)

    def _shifted(self, x: Name, y: Name, direction: str) -> Name:
        """The bits of x, y places further."""
        unsigned = np.dtype(f"u{self._dtype.itemsize}")
        bits = (self._cast(each, unsigned) for each in (x, y))
        return self._cast(str(self._builder.emit("BitShift", *bits, direction=direction)), self._dtype)

    def _cast(self, x: Name, dtype: np.dtype[Any]) -> Name:
        return str(self._builder.emit("Cast", x, to=helper.np_dtype_to_tensor_dtype(dtype)))

    def _polynomial(self, coefficients: Sequence[float], x: Name) -> Name:
        """Horner's rule."""
        y: Name | float = coefficients[0]
        for c in coefficients[1:]:
            y = self.emit("Add", self.emit("Mul", y, x), c)
        return str(y)


FLOAT32_ONLY = {"arctan": "Atan"}  # operators with a kernel in float32 alone that is right to the last digits


def lower_elementwise(
    builder: NodeEmitter, op: str, dtype: np.dtype[Any], operands: Sequence[Name], to: Any = None
) -> Name:
    """An elementwise primitive on operands of that dtype; `to`: the dtype of a cast."""
    own = Formulas(builder, dtype)
    if op == "cast":
        return str(builder.emit("Cast", *operands, to=helper.np_dtype_to_tensor_dtype(to)))
    if op in SAME:
        return own.emit(SAME[op], *operands)
    if dtype == np.float32 and op in FLOAT32_ONLY:
        return own.emit(FLOAT32_ONLY[op], *operands)
    formula: Callable[..., Name] | None = getattr(own, op, None)
    if formula is None:
        raise ConfigError(f"ONNX has no operator for {op}, and no exact formula of others stands for it.")
    return formula(*operands)
