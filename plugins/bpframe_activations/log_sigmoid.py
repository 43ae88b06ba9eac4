"""Logarithm of the logistic sigmoid.  u pre-activation, v = log(1 / (1 + exp(-u))) value; any shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from bpframe.plugin import Array, ops


@final
@dataclass(frozen=True)
class LogSigmoid:
    """v = -log(1 + exp(-u)), in nats; phi'(u) = 1 - exp(v), the sigmoid of -u."""

    range: ClassVar[str] = "(-inf, 0)"

    def value(self, u: Array) -> Array:
        """min(u, 0) - log1p(exp(-|u|)), shape of u: never exp of a large number."""
        xp = ops.namespace(u)
        return xp.minimum(u, 0) - xp.log1p(xp.exp(-abs(u)))

    def derivative(self, v: Array) -> Array:
        """-expm1(v), shape of v: 1 - exp(v) without the cancellation near 0."""
        return -ops.namespace(v).expm1(v)
