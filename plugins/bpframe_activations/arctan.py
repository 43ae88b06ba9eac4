"""Arc tangent.  u pre-activation, v = atan(u) value, in radians; any shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from bpframe.plugin import Array, ops


@final
@dataclass(frozen=True)
class Arctan:
    """v = atan(u), between -pi/2 and pi/2; phi'(u) = 1 / (1 + u^2) = cos(v)^2."""

    range: ClassVar[str] = "(-1.5708, 1.5708)"

    def value(self, u: Array) -> Array:
        """atan(u), shape of u."""
        return ops.namespace(u).atan(u)

    def derivative(self, v: Array) -> Array:
        """cos(v)^2, shape of v."""
        cosine = ops.namespace(v).cos(v)
        return cosine * cosine
