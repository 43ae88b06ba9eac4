"""AdamW.  p parameter, g gradient, m and v its running first and second moments; one shape."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, final

from bpframe.plugin import Array, Hyper, Param, Scope, State, TuningSpace, checks, ops
from bpframe_optimizers import flavors
from bpframe_optimizers.adam import adam_change
from bpframe_optimizers.decay import check, rule_for


@final
@dataclass(frozen=True)
class Adamw:
    """p <- p - lr weight_decay p - lr m^ / (sqrt(v^) + eps): Adam, its decay apart from the gradient.

    `decay` "weights" leaves biases, scales and shifts as they are. flavor: as in adam.
    Defaults are PyTorch's, where however all parameters decay: decay "all". Keras has weight_decay 0.004 and eps 1e-7,
    optax weight_decay 1e-4. The paper's decay is not multiplied by lr, only by the schedule.
    Source: Loshchilov and Hutter (2019), arXiv:1711.05101, algorithm 2.
    """

    lr: float = 0.001
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    weight_decay: float = 0.01
    decay: Literal["weights", "all"] = "weights"
    flavor: Literal["paper", "torch", "optax", "keras"] = "paper"
    scope: ClassVar[Scope] = "element"
    synonyms: ClassVar[flavors.Synonyms] = {"flavor": (("paper", "torch", "optax"), ("keras",))}
    tuning_space: ClassVar[TuningSpace] = {
        "lr": (3e-05, 0.03),
        "source": "Dahl et al. (2023), arXiv:2306.07179, 1e-4 to 1e-2, widened both ways for small networks",
    }

    def __post_init__(self) -> None:
        checks.not_negative("adamw", lr=self.lr)
        checks.positive("adamw", eps=self.eps)
        checks.fraction("adamw", beta1=self.beta1, beta2=self.beta2)
        flavors.settle("adamw", self)
        check("adamw", self)

    @classmethod
    def example_configs(cls) -> list[dict[str, Any]]:
        """Each flavor."""
        return [{}, {"flavor": "keras", "eps": 1e-3, "weight_decay": 0.5}]

    def rule_for(self, param: Param) -> Adamw:
        """Without decay for what is no weight, unless all shall decay."""
        return rule_for(self, param)

    def init(self, p: Array) -> State:
        """Both moments 0."""
        zeros = ops.namespace(p).zeros_like
        return {"m": zeros(p), "v": zeros(p)}

    def update(self, p: Array, g: Array, state: State, h: Hyper) -> tuple[Array, State]:
        """(p - lr weight_decay p - lr m^ / (sqrt(v^) + eps), {m, v})."""
        change, state = adam_change(g, state, h, self.flavor)
        change += h.lr * h.weight_decay * p  # 1 - lr weight_decay would round a small decay away
        return p - change, state

    def reference(self, p: float, gradients: Iterable[float]) -> Iterator[float]:
        """One number, the decay first, then a step of the shorter form of Adam."""
        m = v = 0.0
        for t, g in enumerate(gradients, start=1):
            p = p * (1 - self.lr * self.weight_decay)
            m, v = m + (1 - self.beta1) * (g - m), v + (1 - self.beta2) * (g**2 - v)
            c = math.sqrt(1 - self.beta2**t)
            eps = self.eps if self.flavor == "keras" else c * self.eps
            p = p - self.lr * c / (1 - self.beta1**t) * m / (math.sqrt(v) + eps)
            yield p
