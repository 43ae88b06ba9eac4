"""Logistic sigmoid.  u pre-activation, v = 1 / (1 + exp(-u)) value; any shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from bpframe.plugin import Array, ops


@final
@dataclass(frozen=True)
class Sigmoid:
    """v = 1 / (1 + exp(-u)); phi'(u) = v (1 - v).

    Computed as exp(min(u, 0)) / (1 + exp(-|u|)): nothing overflows, and small values keep all their digits.
    """

    range: ClassVar[str] = "(0, 1)"

    def value(self, u: Array) -> Array:
        """1 / (1 + exp(-u)), shape of u."""
        xp = ops.namespace(u)
        return xp.exp(xp.minimum(u, 0)) / (1 + xp.exp(-abs(u)))  # a second exp costs less than where

    def derivative(self, v: Array) -> Array:
        """v (1 - v), shape of v."""
        return v * (1 - v)
