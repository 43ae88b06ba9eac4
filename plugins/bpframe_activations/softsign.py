"""Softsign.  u pre-activation, v = u / (1 + |u|) value; any shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from bpframe.plugin import Array


@final
@dataclass(frozen=True)
class Softsign:
    """v = u / (1 + |u|); phi'(u) = (1 - |v|)^2. Like tanh, with tails that fall as 1 / u^2.

    Source: Bergstra et al. (2009), Quadratic polynomials learn better image features.
    """

    range: ClassVar[str] = "(-1, 1)"

    def value(self, u: Array) -> Array:
        """u / (1 + |u|), shape of u."""
        return u / (1 + abs(u))

    def derivative(self, v: Array) -> Array:
        """(1 - |v|)^2, shape of v."""
        rest = 1 - abs(v)
        return rest * rest
