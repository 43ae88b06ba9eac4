"""Exponential moving average of the parameters, beside another rule.  p parameter, a its average; one shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, final

from bpframe.plugin import Array, Hyper, Optimizer, Scope, State, TuningSpace, checks, ops
from bpframe_optimizers import flavors, wrapped
from bpframe_optimizers.golden_paths import Golden, golden_paths
from bpframe_optimizers.momentum import Momentum


@final
@dataclass(frozen=True)
class Ema:
    """p <- inner(p, g);  n <- decay n + 1,  a <- a + (p - a) / n: trains with p, predicts with a.

    a is the mean of the p after each step, weighted by decay^age: n is the sum of these weights, so the average owes
    nothing to the initial p (the correction that Adam makes, also right when decay follows a schedule).
    Constraints hold for each p before it is averaged, and for a. The outermost rule that averages predicts: inside
    another, as in lookahead(ema(...)), a is not seen.
    flavor "paper" (also "optax", whose `ema` of the parameters it is) does so; "torch" (AveragedModel) and "keras"
    (use_ema) start from the p of the first step, a <- decay a + (1 - decay) p from then on, which holds on to it.
    Source: Polyak and Juditsky (1992), Acceleration of stochastic approximation by averaging; faded as in Kingma and
    Ba (2015), arXiv:1412.6980, section 7.2.
    """

    inner: Optimizer
    decay: float = 0.999
    flavor: Literal["paper", "optax", "torch", "keras"] = "paper"
    synonyms: ClassVar[flavors.Synonyms] = {"flavor": (("paper", "optax"), ("torch", "keras"))}
    tuning_space: ClassVar[TuningSpace] = {
        "source": "that of the inner rule alone: the decay is of the average, and no part of the training"
    }

    def __post_init__(self) -> None:
        wrapped.check("ema", self.inner)
        checks.fraction("ema", decay=self.decay)
        flavors.settle("ema", self)

    @property
    def scope(self) -> Scope:
        """That of the inner rule."""
        return self.inner.scope

    @classmethod
    def example_configs(cls) -> list[dict[str, object]]:
        """Around a rule with a state of its own, in each flavor."""
        return [{"inner": "momentum", "decay": 0.9, "flavor": flavor} for flavor in ("paper", "torch")]

    def init(self, p: Array) -> State:
        """The average p itself, with weight 0."""
        xp = ops.namespace(p)
        n = xp.zeros((), dtype=p.dtype, **ops.placement(p))
        return {"average": xp.asarray(p, copy=True), "n": n, "inner": self.inner.init(p)}

    def update(self, p: Array, g: Array, state: State, h: Hyper) -> tuple[Array, State]:
        """The inner rule's step, and the average with its outcome."""
        p, inner = self.inner.update(p, g, state["inner"], h.inner)
        p = wrapped.allowed(p, h)
        n, average = state["n"], state["average"]
        if self.flavor == "paper":
            n = h.decay * n + 1
        else:  # 1 at the first step, 1 / (1 - decay) later
            n = ops.namespace(p).where(n > 0, 1 / (1 - h.decay), ops.namespace(p).ones_like(n))
        return p, {"average": average + (p - average) / n, "n": n, "inner": inner}

    def restart(self, p: Array, state: State) -> State:
        """The average starts from p, with weight 0."""
        xp = ops.namespace(p)
        return {**state, "average": xp.asarray(p, copy=True), "n": xp.zeros_like(state["n"])}

    def evaluation_params(self, p: Array, state: State, h: Hyper) -> Array:
        """The average; p before the first step."""
        average: Array = state["average"]
        return average

    def golden(self) -> list[Golden]:
        """Paths of optax."""
        return golden_paths({"ema": {"inner": Momentum(lr=0.1), "decay": 0.8}})
