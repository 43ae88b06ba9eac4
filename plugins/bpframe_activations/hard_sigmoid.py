"""Piecewise linear sigmoid.  u pre-activation, v = clip(u / 6 + 1/2, 0, 1) value; any shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from bpframe.plugin import Array, ops


@final
@dataclass(frozen=True)
class HardSigmoid:
    """v = clip(u / 6 + 1/2, 0, 1); phi'(u) = 1/6 where 0 < v < 1, else 0 (so 0 at u = -3 and u = 3).

    The slope is that of PyTorch and Keras 3; Courbariaux et al. and older Keras have other slopes, 1/2 and 1/5.
    Source: Howard et al. (2019), Searching for MobileNetV3, arXiv:1905.02244, section 5.2.
    """

    kinks: ClassVar[tuple[float, ...]] = (-3.0, 3.0)
    range: ClassVar[str] = "[0, 1]"

    def value(self, u: Array) -> Array:
        """clip(u + 3, 0, 6) / 6, shape of u: the sum first, so that values near 0 keep their digits."""
        return ops.namespace(u).clip(u + 3, 0, 6) / 6

    def derivative(self, v: Array) -> Array:
        """1/6 where 0 < v < 1, else 0, shape of v."""
        xp = ops.namespace(v)
        return xp.astype(xp.logical_and(v > 0, v < 1), v.dtype) / 6
