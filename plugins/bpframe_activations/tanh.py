"""Hyperbolic tangent.  u pre-activation, v = tanh(u) value; any shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from bpframe.plugin import Array, ops


@final
@dataclass(frozen=True)
class Tanh:
    """v = tanh(u); phi'(u) = (1 - v)(1 + v), so the value alone is kept for the backward pass."""

    range: ClassVar[str] = "(-1, 1)"

    def value(self, u: Array) -> Array:
        """tanh(u), shape of u."""
        return ops.namespace(u).tanh(u)

    def derivative(self, v: Array) -> Array:
        """(1 - v)(1 + v), shape of v."""
        return (1 - v) * (1 + v)  # not 1 - v*v: keeps the last digits where |v| is near 1
