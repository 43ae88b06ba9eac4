"""Piecewise linear tanh.  u pre-activation, v = clip(u, -1, 1) value; any shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from bpframe.plugin import Array, ops


@final
@dataclass(frozen=True)
class HardTanh:
    """v = clip(u, -1, 1); phi'(u) = 1 where |v| < 1, else 0 (so 0 at u = -1 and u = 1).

    Source: Collobert (2004), Large scale machine learning (thesis, Paris VI).
    """

    kinks: ClassVar[tuple[float, ...]] = (-1.0, 1.0)
    range: ClassVar[str] = "[-1, 1]"

    def value(self, u: Array) -> Array:
        """clip(u, -1, 1), shape of u."""
        return ops.namespace(u).clip(u, -1, 1)

    def derivative(self, v: Array) -> Array:
        """1 where |v| < 1, else 0, shape of v."""
        return ops.namespace(v).astype(abs(v) < 1, v.dtype)
