"""Coupled (L2) weight decay, added to the gradient.  p parameter, g gradient; one shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, final

from bpframe.plugin import Array, Hyper, Param, Scope, State, checks
from bpframe_gradient_steps import selection


@final
@dataclass(frozen=True)
class WeightDecay:
    """g <- g + strength p: the gradient of the penalty strength / 2 sum p^2, which the reported loss leaves out.

    Rules that rescale gradients (adam) rescale this part too; decoupled_weight_decay escapes that. Acts on parameters
    whose role is among `roles` and whose name "layer/role" fits one of the patterns `match` ("dense_*"); () means any.
    Source: Krogh and Hertz (1992), A simple weight decay can improve generalization.
    """

    strength: float = 1e-4
    roles: tuple[str, ...] = ("weight",)
    match: tuple[str, ...] = ()
    scope: ClassVar[Scope] = "element"
    decay_settings: ClassVar[tuple[str, ...]] = ("strength",)

    def __post_init__(self) -> None:
        checks.not_negative("weight_decay", strength=self.strength)
        selection.check("weight_decay", roles=self.roles, match=self.match)

    def applies(self, param: Param) -> bool:
        """Whether role and name are selected."""
        return selection.selected(param, self.roles, self.match)

    def init(self, p: Array) -> State:
        """Nothing to remember."""
        return {}

    def transform(self, p: Array, g: Array, state: State, h: Hyper) -> tuple[Array, State]:
        """(g + strength p, {})."""
        return g + h.strength * p, {}

    def golden(self) -> list[tuple[Any, ...]]:
        """By hand."""
        return [({"strength": 0.5}, [2.0], [[1.0], [-1.0]], [[2.0], [0.0]])]
