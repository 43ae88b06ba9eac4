"""L1 penalty, on absolute values.  p any weight."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from bpframe.plugin import Array, Hyper, checks, ops


@final
@dataclass(frozen=True)
class L1:
    """penalty = strength sum |w|, undivided by the batch; gradient = strength sign(w), 0 at w = 0.

    Weights gather around 0 but seldom meet it: a gradient step crosses it. 0 is a subgradient there.
    Source: Tibshirani (1996), Regression shrinkage and selection via the lasso.
    """

    strength: float = 1e-4
    decay_settings: ClassVar[tuple[str, ...]] = ("strength",)

    def __post_init__(self) -> None:
        checks.not_negative("l1", strength=self.strength)

    def value_and_gradient(self, p: Array, h: Hyper) -> tuple[Array, Array]:
        """(0-d penalty, gradient in p's shape)."""
        xp = ops.namespace(p)
        return h.strength * xp.sum(xp.abs(p)), h.strength * xp.sign(p)
