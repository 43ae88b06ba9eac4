"""Adam.  p parameter, g gradient, m and v its running first and second moments; one shape."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, final

from bpframe.plugin import Array, Hyper, Scope, State, TuningSpace, checks, ops
from bpframe_optimizers import flavors


@final
@dataclass(frozen=True)
class Adam:
    """m <- beta1 m + (1 - beta1) g;  v <- beta2 v + (1 - beta2) g^2;  p <- p - lr m^ / (sqrt(v^) + eps).

    m^ = m / (1 - beta1^t) and v^ = v / (1 - beta2^t) correct the start at 0; eps stands outside the root.
    flavor "paper" (also "torch" and "optax") is algorithm 1. "keras" (also scikit-learn) is the paper's shorter form at
    the end of section 2, which adds eps to sqrt(v) before the correction: a larger eps at small t.
    Source: Kingma and Ba (2015), arXiv:1412.6980.
    """

    lr: float = 0.001
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    flavor: Literal["paper", "torch", "optax", "keras"] = "paper"
    scope: ClassVar[Scope] = "element"
    synonyms: ClassVar[flavors.Synonyms] = {"flavor": (("paper", "torch", "optax"), ("keras",))}
    tuning_space: ClassVar[TuningSpace] = {
        "lr": (3e-05, 0.03),
        "source": "three decades round the rate of Kingma and Ba (2015)",
    }

    def __post_init__(self) -> None:
        checks.not_negative("adam", lr=self.lr)
        checks.positive("adam", eps=self.eps)
        checks.fraction("adam", beta1=self.beta1, beta2=self.beta2)
        flavors.settle("adam", self)

    @classmethod
    def example_configs(cls) -> list[dict[str, Any]]:
        """Each flavor."""
        return [{}, {"flavor": "keras", "eps": 1e-3}]

    def init(self, p: Array) -> State:
        """Both moments 0."""
        zeros = ops.namespace(p).zeros_like
        return {"m": zeros(p), "v": zeros(p)}

    def update(self, p: Array, g: Array, state: State, h: Hyper) -> tuple[Array, State]:
        """(p - lr m^ / (sqrt(v^) + eps), {m, v})."""
        change, state = adam_change(g, state, h, self.flavor)
        return p - change, state

    def reference(self, p: float, gradients: Iterable[float]) -> Iterator[float]:
        """Algorithm 1 of the paper, for one number; in flavor "keras" with eps / sqrt(1 - beta2^t) as its eps."""
        m = v = 0.0
        for t, g in enumerate(gradients, start=1):
            m = self.beta1 * m + (1 - self.beta1) * g
            v = self.beta2 * v + (1 - self.beta2) * g**2
            m_hat, v_hat = m / (1 - self.beta1**t), v / (1 - self.beta2**t)
            eps = self.eps if self.flavor == "paper" else self.eps / math.sqrt(1 - self.beta2**t)
            p = p - self.lr * m_hat / (math.sqrt(v_hat) + eps)
            yield p


def adam_change(g: Array, state: State, h: Hyper, flavor: str) -> tuple[Array, State]:
    """(lr m^ / (sqrt(v^) + eps), {m, v}): the step of Adam and of what builds on it, an array of the caller's own."""
    m = h.beta1 * state["m"]
    m += (1 - h.beta1) * g
    v = g * g
    v *= 1 - h.beta2
    v += h.beta2 * state["v"]
    c = (1 - h.beta2**h.step) ** 0.5  # of numerator and denominator: one pass over the array less
    root = ops.namespace(g).sqrt(v)
    root += c * h.eps if flavor == "paper" else h.eps
    change = m / root
    change *= c * h.lr / (1 - h.beta1**h.step)
    return change, {"m": m, "v": v}
