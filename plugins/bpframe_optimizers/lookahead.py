"""Lookahead around another rule.  p fast weights, q slow weights; one shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from bpframe.plugin import Array, Hyper, Optimizer, Scope, State, TuningSpace, checks, ops
from bpframe_optimizers import wrapped
from bpframe_optimizers.golden_paths import Golden, golden_paths
from bpframe_optimizers.momentum import Momentum


@final
@dataclass(frozen=True)
class Lookahead:
    """p <- inner(p, g); after every `steps` of these  q <- q + alpha (p - q),  p <- q.

    Predicts with q: the paper finds that on the way between two q the accuracy falls, and that the step back restores
    it. What the inner rule remembers stays as it is when p goes back to q, but for parameters, such as an average:
    they start from there. Constraints hold for both. The outermost rule that averages predicts: of lookahead(ema(...))
    that is q, and the average of ema is not seen.
    Source: Zhang et al. (2019), Lookahead optimizer, arXiv:1907.08610, algorithm 1.
    """

    inner: Optimizer
    steps: int = 5
    alpha: float = 0.5
    tuning_space: ClassVar[TuningSpace] = {
        "source": "that of the inner rule alone: steps and alpha stay at their defaults"
    }

    @property
    def evaluation_period(self) -> int:
        """`steps`."""
        return self.steps

    def __post_init__(self) -> None:
        wrapped.check("lookahead", self.inner)
        checks.whole("lookahead", 1, steps=self.steps)
        checks.not_negative("lookahead", alpha=self.alpha)

    @property
    def scope(self) -> Scope:
        """That of the inner rule."""
        return self.inner.scope

    @classmethod
    def example_configs(cls) -> list[dict[str, object]]:
        """Around a rule with a state of its own."""
        return [{"inner": "momentum", "steps": 3}]

    def init(self, p: Array) -> State:
        """Slow weights where the fast ones start."""
        return {"slow": ops.namespace(p).asarray(p, copy=True), "inner": self.inner.init(p)}

    def update(self, p: Array, g: Array, state: State, h: Hyper) -> tuple[Array, State]:
        """The inner rule's step; at the end of a round the way back to the slow weights."""
        xp = ops.namespace(p)
        fast, inner = self.inner.update(p, g, state["inner"], h.inner)
        fast = wrapped.allowed(fast, h)
        slow, ends = state["slow"], xp.asarray(h.step % self.steps == 0, **ops.placement(p))
        slow = xp.where(ends, wrapped.allowed(slow + h.alpha * (fast - slow), h), slow)
        return xp.where(ends, slow, fast), {"slow": slow, "inner": wrapped.put_back(self.inner, slow, ends, inner)}

    def restart(self, p: Array, state: State) -> State:
        """The slow weights start from p."""
        return {**state, "slow": ops.namespace(p).asarray(p, copy=True)}

    def evaluation_params(self, p: Array, state: State, h: Hyper) -> Array:
        """The slow weights."""
        slow: Array = state["slow"]
        return slow

    def golden(self) -> list[Golden]:
        """Paths of optax."""
        return golden_paths({"lookahead": {"inner": Momentum(lr=0.1), "steps": 3, "alpha": 0.4}})
