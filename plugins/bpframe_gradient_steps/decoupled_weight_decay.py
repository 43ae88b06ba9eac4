"""Decoupled weight decay: of the parameter, not of its gradient.  p parameter, g gradient; one shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, final

from bpframe.plugin import Array, Hyper, IncompatibleComponent, Param, Scope, State, checks
from bpframe_gradient_steps import selection


@final
@dataclass(frozen=True)
class DecoupledWeightDecay:
    """p <- p - lr strength p before the update rule's own step, lr being the rule's: what adamw does, for any rule.

    The gradient passes unchanged. In a rule that holds another, lr is that of the inner one. Acts on parameters whose
    role is among `roles` and whose name "layer/role" fits one of the patterns `match` ("dense_*"); () means any.
    Source: Loshchilov and Hutter (2019), arXiv:1711.05101, with lr as a factor, as in PyTorch and Keras.
    """

    strength: float = 0.01
    roles: tuple[str, ...] = ("weight",)
    match: tuple[str, ...] = ()
    scope: ClassVar[Scope] = "element"
    decay_settings: ClassVar[tuple[str, ...]] = ("strength",)

    def __post_init__(self) -> None:
        checks.not_negative("decoupled_weight_decay", strength=self.strength)
        selection.check("decoupled_weight_decay", roles=self.roles, match=self.match)

    def applies(self, param: Param) -> bool:
        """Whether role and name are selected."""
        return selection.selected(param, self.roles, self.match)

    def init(self, p: Array) -> State:
        """Nothing to remember."""
        return {}

    def transform(self, p: Array, g: Array, state: State, h: Hyper) -> tuple[Array, State]:
        """(g, {})."""
        return g, {}

    def adjust(self, p: Array, h: Hyper) -> Array:
        """p - lr strength p."""
        shrink: Array = _lr(h.rule) * h.strength
        return p - shrink * p

    def golden(self) -> list[tuple[Any, ...]]:
        """By hand, with the rate 0.01 of the rule behind it: p (1 - 0.01 0.5) at each step."""
        gradients = [[1.0], [2.0]]
        return [({"strength": 0.5}, [2.0], gradients, gradients, [[1.99], [1.98005]])]


def _lr(rule: Hyper) -> Any:
    """The learning rate of a rule, or of the first rule inside it that has one."""
    levels = [rule]
    for h in levels:
        if hasattr(h, "lr"):
            return h.lr
        levels += [inner for name, inner in vars(h).items() if name != "rule" and hasattr(inner, "step")]
    raise IncompatibleComponent("decoupled_weight_decay needs an optimizer with an argument lr, and it has none.")
