"""Identity.  u pre-activation, v = u value; any shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from bpframe.plugin import Array, ops


@final
@dataclass(frozen=True)
class Identity:
    """v = u; phi'(u) = 1."""

    def value(self, u: Array) -> Array:
        """u itself."""
        return u

    def derivative(self, v: Array) -> Array:
        """1, in v's shape."""
        return ops.namespace(v).ones_like(v)
