"""AdaHessian.  p parameter, g gradient, z random signs, d estimate of the Hessian's diagonal, m and v; one shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, final

from bpframe.plugin import Array, Hyper, Param, Scope, State, TuningSpace, checks, ops
from bpframe_optimizers.decay import check, rule_for
from bpframe_optimizers.golden_paths import Golden


@final
@dataclass(frozen=True)
class Adahessian:
    """p <- p - lr weight_decay p - lr m^ / (sqrt(v^) + eps): Adam, v of the Hessian's diagonal d instead of g.

    d = z (g(p + delta z) - g(p)) / delta with random signs z (Hutchinson's estimate, the product with the Hessian by a
    difference), v <- beta2 v + (1 - beta2) d^2, m as in adam. Two gradients a step: d is of the loss alone, behind
    accumulate of the last batch, while m is of what penalties and gradient steps make of the gradient at p. Signs
    follow from seed, step and parameter. `decay` as in adamw. Without the paper's means of d over blocks of a weight,
    and its power of v^.
    Defaults are those of the authors' code, which takes the product exactly. A `delta` far below the rounding of
    gradients gives noise: for p near 1 and float32 it is fine from 1e-4 on.
    Source: Yao et al. (2021), AdaHessian, arXiv:2006.00719, algorithm 1 and equations 8 and 9.
    """

    lr: float = 0.15
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-4
    delta: float = 0.001
    weight_decay: float = 0.0
    decay: Literal["weights", "all"] = "weights"
    scope: ClassVar[Scope] = "element"
    stochastic: ClassVar[bool] = True
    amplifies_rounding: ClassVar[tuple[str, ...]] = ("float32",)
    tuning_space: ClassVar[TuningSpace] = {
        "lr": (0.005, 5.0),
        "source": "three decades round the default, that of its authors' code",
    }

    def __post_init__(self) -> None:
        checks.not_negative("adahessian", lr=self.lr)
        checks.positive("adahessian", eps=self.eps, delta=self.delta)
        checks.fraction("adahessian", beta1=self.beta1, beta2=self.beta2)
        check("adahessian", self)

    def rule_for(self, param: Param) -> Adahessian:
        """Without decay for what is no weight, unless all shall decay."""
        return rule_for(self, param)

    def init(self, p: Array) -> State:
        """Both moments 0, and no curvature."""
        zeros = ops.namespace(p).zeros_like
        return {"m": zeros(p), "v": zeros(p), "d": zeros(p)}

    def probe(self, p: Array, g: Array, state: State, h: Hyper) -> Array:
        """p + delta z."""
        point: Array = p + h.delta * _signs(p, h)
        return point

    def compare_gradients(self, p: Array, g: Array, there: Array, state: State, h: Hyper) -> State:
        """The state with d = z (there - g) / delta."""
        return {**state, "d": _signs(p, h) * (there - g) / h.delta}

    def update(self, p: Array, g: Array, state: State, h: Hyper) -> tuple[Array, State]:
        """(p - lr (m^ / (sqrt(v^) + eps) + weight_decay p), {m, v, d})."""
        xp, d = ops.namespace(p), state["d"]
        m = h.beta1 * state["m"] + (1 - h.beta1) * g
        v = h.beta2 * state["v"] + (1 - h.beta2) * (d * d)
        change: Any = (m / (1 - h.beta1**h.step)) / (xp.sqrt(v / (1 - h.beta2**h.step)) + h.eps)
        change += h.weight_decay * p
        return p - h.lr * change, {"m": m, "v": v, "d": d}

    def golden(self) -> list[Golden]:
        """By hand, of gradients that are the same at both points, so that v is 0; signs are of the kit's key."""
        plain = {"lr": 0.1, "beta1": 0.5, "eps": 0.5, "delta": 0.5}
        path = [[0.8, -1.4], [0.8 - 1 / 3, -1.4 + 1 / 15]]
        return [(plain, [1.0, -2.0], [[1.0, -3.0], [2.0, 1.0]], path, [[1.5, -2.5], [1.3, -1.9]])]


def _signs(p: Array, h: Hyper) -> Array:
    """1 or -1, each with probability one half."""
    return ops.namespace(p).where(h.key.uniform(p) < 0.5, -ops.namespace(p).ones_like(p), 1.0)
