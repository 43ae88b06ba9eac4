"""Cautious steps around another rule.  p parameter, g gradient, u the inner rule's step; one shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from bpframe.plugin import Array, Hyper, Optimizer, Scope, State, TuningSpace, ops
from bpframe_optimizers import wrapped
from bpframe_optimizers.golden_paths import Golden
from bpframe_optimizers.momentum import Momentum

LEAST = 1e-3  # of the share of numbers that move


@final
@dataclass(frozen=True)
class Cautious:
    """p <- p + u where u g < 0, else p stays;  u = inner(p, g) - p, divided by the share of numbers that move.

    Where momentum points uphill of the present gradient nothing moves; the share, of each parameter, is at least 0.001.
    What the inner rule remembers is not changed. All of u counts as a step, a decay of the inner rule's own, too: to
    have that apart take the gradient step decoupled_weight_decay.
    Source: Liang et al. (2024), Cautious optimizers, arXiv:2411.16085, algorithm 1; the bound is of the authors' code.
    """

    inner: Optimizer
    scope: ClassVar[Scope] = "array"
    tuning_space: ClassVar[TuningSpace] = {"source": "that of the inner rule, to which it adds nothing to tune"}

    def __post_init__(self) -> None:
        wrapped.check("cautious", self.inner)

    @classmethod
    def example_configs(cls) -> list[dict[str, object]]:
        """Around a rule with momentum."""
        return [{"inner": "momentum"}]

    def init(self, p: Array) -> State:
        """The inner rule's state."""
        return {"inner": self.inner.init(p)}

    def update(self, p: Array, g: Array, state: State, h: Hyper) -> tuple[Array, State]:
        """(p moved where the inner rule goes down the gradient, its state)."""
        xp = ops.namespace(p)
        new, inner = self.inner.update(p, g, state["inner"], h.inner)
        u = new - p
        moves = xp.astype(u * g < 0, p.dtype)
        share = xp.maximum(xp.sum(moves) / max(1, p.size), LEAST)
        return p + u * moves / share, {"inner": inner}

    def golden(self) -> list[Golden]:
        """By hand: v = (1, -1), then (0.3, -1.5), whose first points uphill, so that the other goes twice as far."""
        rule = {"inner": Momentum(lr=0.1, momentum=0.5)}
        return [(rule, [1.0, 1.0], [[1.0, -1.0], [-0.2, -1.0]], [[0.9, 1.1], [0.9, 1.4]])]
