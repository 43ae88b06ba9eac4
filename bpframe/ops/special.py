"""The special functions erf and erfc, to the last digits.  x and results any shape, alike in dtype.

erfc is one polynomial for all x >= 0, after Shepherd and Laframboise (1981), Chebyshev approximation of (1 + 2 x)
exp(x^2) erfc x in 0 <= x < infinity, Mathematics of Computation 36: that function of t = (x - 4) / (x + 4) varies
between 1 and 1.25 only. Its Chebyshev series, computed with 60 digits and cut after t^23, leaves a relative error of
6e-17. erf near 0 is the rational function of Cody (1969), Rational Chebyshev approximations for the error function,
Mathematics of Computation 23, with the coefficients of his program CALERF.
"""

from __future__ import annotations

from collections.abc import Sequence

from bpframe.ops.host import namespace
from bpframe.types import Array

NEAR = 0.46875  # up to here 1 - erfc would cancel
ERFC_ZERO = 30.0  # erfc of more is 0 in every dtype

# coefficients, highest power first
_SCALED = (
    9.311744978232572e-10,
    1.5738283774192037e-09,
    -1.234686604382353e-08,
    -1.6371779763566967e-08,
    1.0633855618594884e-07,
    7.115337800585303e-08,
    -8.210939042560568e-07,
    2.9801353803031333e-07,
    5.706604414895734e-06,
    -1.1225101875659178e-05,
    -2.4397746422436416e-05,
    0.00015062309720018628,
    -0.00019925714661091188,
    -0.000757773707063825,
    0.005031970067657489,
    -0.016197733981455194,
    0.03716751552655567,
    -0.06633036582031154,
    0.0937328349990944,
    -0.10103906603586531,
    0.06809705425466908,
    0.015379652102610473,
    -0.1396211168405623,
    1.2329951186255526,
)
_ABOVE = (
    1.85777706184603153e-1,
    3.16112374387056560,
    1.13864154151050156e2,
    3.77485237685302021e2,
    3.20937758913846947e3,
)
_BELOW = (
    1.0,
    2.36012909523441209e1,
    2.44024637934444173e2,
    1.28261652607737228e3,
    2.84423683343917062e3,
)


def erf(x: Array) -> Array:
    """2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x, to the last digits, shape of x."""
    xp = namespace(x)
    near = xp.clip(x, -NEAR, NEAR)
    square = near * near
    near = near * _polynomial(_ABOVE, square) / _polynomial(_BELOW, square)
    return xp.where(abs(x) <= NEAR, near, xp.sign(x) * (1 - _erfc(abs(x))))


def erfc(x: Array) -> Array:
    """1 - erf(x) without the cancellation: to the last digits however small, shape of x."""
    sign = namespace(x).sign(x)
    return (1 - sign) + sign * _erfc(abs(x))  # 2 - erfc(-x) for x < 0


def _erfc(x: Array) -> Array:
    """erfc for x >= 0."""
    xp = namespace(x)
    x = xp.minimum(x, ERFC_ZERO)
    head = xp.floor(16 * x) / 16  # its square is exact: exp(-x^2) = exp(-head^2) exp((head - x)(head + x))
    gauss = xp.exp(-head * head) * xp.exp((head - x) * (head + x))
    return gauss * (_polynomial(_SCALED, (x - 4) / (x + 4)) / (1 + 2 * x))


def _polynomial(coefficients: Sequence[float], x: Array) -> Array:
    """Horner's rule, in place in the array of the first product."""
    y = coefficients[0] * x + coefficients[1]
    for c in coefficients[2:]:
        y *= x
        y += c
    return y
