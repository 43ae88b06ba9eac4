"""ADOPT.  p parameter, g gradient, v its running mean square, m running mean of scaled gradients; one shape."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, final

from bpframe.plugin import Array, Hyper, Param, Scope, State, TuningSpace, checks, ops
from bpframe_optimizers.decay import check, rule_for


@final
@dataclass(frozen=True)
class Adopt:
    """m <- beta1 m + (1 - beta1) clip(g / max(sqrt(v), eps), (t - 1)^(1/4));  p <- p - lr (m + weight_decay p).

    v <- beta2 v + (1 - beta2) g^2 comes last, so a gradient is never divided by itself, which makes Adam converge with
    any beta2. The first gradient only gives v its start, g^2, and moves nothing. `decay` as in adamw.
    Source: Taniguchi et al. (2024), arXiv:2411.02853, in the clipped form that its authors advise.
    """

    lr: float = 0.001
    beta1: float = 0.9
    beta2: float = 0.9999
    eps: float = 1e-6
    weight_decay: float = 0.0
    decay: Literal["weights", "all"] = "weights"
    scope: ClassVar[Scope] = "element"
    tuning_space: ClassVar[TuningSpace] = {
        "lr": (3e-05, 0.03),
        "source": "three decades round the default",
    }

    def __post_init__(self) -> None:
        checks.not_negative("adopt", lr=self.lr)
        checks.positive("adopt", eps=self.eps)
        checks.fraction("adopt", beta1=self.beta1, beta2=self.beta2)
        check("adopt", self)

    @classmethod
    def example_configs(cls) -> list[dict[str, Any]]:
        """Without and with decay."""
        return [{}, {"weight_decay": 0.5, "beta2": 0.9}]

    def rule_for(self, param: Param) -> Adopt:
        """Without decay for what is no weight, unless all shall decay."""
        return rule_for(self, param)

    def init(self, p: Array) -> State:
        """Both 0."""
        zeros = ops.namespace(p).zeros_like
        return {"m": zeros(p), "v": zeros(p)}

    def update(self, p: Array, g: Array, state: State, h: Hyper) -> tuple[Array, State]:
        """(p - lr (m + weight_decay p), {m, v})."""
        xp = ops.namespace(p)
        later = h.step > 1  # False as 0: no step, and v forgets its zeros
        bound = (h.step - 1) ** 0.25
        scaled = xp.clip(g / xp.maximum(xp.sqrt(state["v"]), h.eps), -bound, bound)
        m = h.beta1 * state["m"] + (1 - h.beta1) * scaled
        beta2 = later * h.beta2
        v = beta2 * state["v"] + (1 - beta2) * (g * g)
        return p - later * h.lr * (m + h.weight_decay * p), {"m": m, "v": v}

    def reference(self, p: float, gradients: Iterable[float]) -> Iterator[float]:
        """The paper's algorithm for one number, its gradients counted from 0."""
        m = v = 0.0
        for t, g in enumerate(gradients):
            if t == 0:
                v = g**2
            else:
                scaled = g / max(math.sqrt(v), self.eps)
                m += (1 - self.beta1) * (math.copysign(min(abs(scaled), math.sqrt(math.sqrt(t))), scaled) - m)
                p = p * (1 - self.lr * self.weight_decay) - self.lr * m
                v += (1 - self.beta2) * (g**2 - v)
            yield p
