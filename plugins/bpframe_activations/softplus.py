"""Softplus.  u pre-activation, v = log(1 + exp(beta u)) / beta value; any shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from bpframe.plugin import Array, checks, ops


@final
@dataclass(frozen=True)
class Softplus:
    """v = log(1 + exp(beta u)) / beta; phi'(u) = 1 - exp(-beta v), the sigmoid of beta u.

    A large beta comes near relu.
    Source: Dugas et al. (2001), Incorporating second-order functional knowledge for better option pricing.
    """

    beta: float = 1.0
    range: ClassVar[str] = "(0, inf)"

    def __post_init__(self) -> None:
        checks.positive("softplus", beta=self.beta)
        checks.finite("softplus", beta=self.beta)

    def value(self, u: Array) -> Array:
        """max(u, 0) + log1p(exp(-beta |u|)) / beta, shape of u: never exp of a large number."""
        xp = ops.namespace(u)
        return xp.maximum(u, 0) + xp.log1p(xp.exp(-self.beta * abs(u))) / self.beta

    def derivative(self, v: Array) -> Array:
        """-expm1(-beta v), shape of v: 1 - exp(-beta v) without the cancellation at small v."""
        return -ops.namespace(v).expm1(-self.beta * v)
