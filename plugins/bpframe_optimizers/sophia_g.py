"""Sophia-G.  p parameter, g gradient, m its running mean, curvature a running diagonal Hessian; one shape."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, final

from bpframe.plugin import Array, Hyper, Param, Scope, State, TuningSpace, checks, ops
from bpframe_optimizers.decay import check, rule_for
from bpframe_optimizers.golden_paths import Golden


@final
@dataclass(frozen=True)
class SophiaG:
    """p <- p - lr weight_decay p - lr clip(m / max(rho curvature, eps), 1): Newton's step, never longer than lr.

    m <- beta1 m + (1 - beta1) g. Every `every` updates, first of all, curvature <- beta2 curvature +
    (1 - beta2) B g~^2, where g~ is the mean gradient over B rows whose targets were drawn from the model's own
    predictions (the Gauss-Newton-Bartlett estimate; under accumulate those of the last batch alone). Until then, and
    where curvature is 0, it moves by sign(m). `decay` as in adamw.
    The estimate holds B, as in the paper; the authors' code leaves B out of it and multiplies by it here, adds eps
    1e-15 where the paper takes the maximum, and gives the defaults. The paper calls rho gamma.
    Source: Liu et al. (2024), arXiv:2305.14342, algorithms 2 and 3.
    """

    lr: float = 0.0001
    beta1: float = 0.965
    beta2: float = 0.99
    rho: float = 0.04
    eps: float = 1e-12
    weight_decay: float = 0.1
    decay: Literal["weights", "all"] = "weights"
    every: int = 10
    scope: ClassVar[Scope] = "element"
    amplifies_rounding: ClassVar[tuple[str, ...]] = ("float32", "float64")
    tuning_space: ClassVar[TuningSpace] = {
        "lr": (3e-05, 0.03),
        "source": "that of adamw; its authors advise slightly less, 3 to 5 times lion's (github.com/Liuhong99/Sophia)",
    }

    def __post_init__(self) -> None:
        checks.not_negative("sophia_g", lr=self.lr)
        checks.positive("sophia_g", rho=self.rho, eps=self.eps)
        checks.fraction("sophia_g", beta1=self.beta1, beta2=self.beta2)
        checks.whole("sophia_g", 1, every=self.every)
        check("sophia_g", self)

    @classmethod
    def example_configs(cls) -> list[dict[str, Any]]:
        """The defaults, and an eps that many gradients stay below."""
        return [{}, {"eps": 1.0, "weight_decay": 0.0}]

    def rule_for(self, param: Param) -> SophiaG:
        """Without decay for what is no weight, unless all shall decay."""
        return rule_for(self, param)

    def init(self, p: Array) -> State:
        """Both 0."""
        zeros = ops.namespace(p).zeros_like
        return {"m": zeros(p), "curvature": zeros(p)}

    def observes(self, step: Any) -> Any:
        """At updates 1, 1 + every, 1 + 2 every, ..."""
        return (step - 1) % self.every == 0

    def observe(self, p: Array, g: Array, state: State, h: Hyper) -> State:
        """{m, curvature} with B g^2 in the curvature; g from drawn targets, B = h.rows."""
        rows = ops.namespace(p).asarray(h.rows, dtype=p.dtype, **ops.placement(p))
        curvature = h.beta2 * state["curvature"] + (1 - h.beta2) * rows * (g * g)
        return {"m": state["m"], "curvature": curvature}

    def update(self, p: Array, g: Array, state: State, h: Hyper) -> tuple[Array, State]:
        """(p - lr weight_decay p - lr clip(m / max(rho curvature, eps), 1), {m, curvature})."""
        xp = ops.namespace(p)
        m = h.beta1 * state["m"] + (1 - h.beta1) * g
        bound = xp.maximum(h.rho * state["curvature"], h.eps)
        change = xp.clip(m, -bound, bound) / bound  # before the division, which could overflow
        change += h.weight_decay * p
        return p - h.lr * change, {"m": m, "curvature": state["curvature"]}

    def reference(self, p: float, gradients: Iterable[float]) -> Iterator[float]:
        """One number that nobody observed: a curvature of 0."""
        m = 0.0
        for g in gradients:
            m += (1 - self.beta1) * (g - m)
            p = p * (1 - self.lr * self.weight_decay) - self.lr * max(-1.0, min(1.0, m / self.eps))
            yield p

    def golden(self) -> list[Golden]:
        """By hand, one row: shown 2 and 4 at steps 1 and 3, curvature 2 and 9; m = 0.5, 1.75, -9.125, which is cut."""
        halves = {"lr": 0.1, "beta1": 0.5, "beta2": 0.5, "rho": 1.0, "weight_decay": 0.0, "every": 2}
        return [(halves, [1.0], [[1.0], [3.0], [-20.0]], [[0.975], [0.8875], [0.9875]], [[2.0], [7.0], [4.0]])]
