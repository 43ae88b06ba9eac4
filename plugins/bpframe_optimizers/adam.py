"""Adam.  p parameter, g gradient, m and v its running first and second moments; one shape."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar, final

from bpframe import checks
from bpframe.types import Array, Hyper, Scope, State


@final
@dataclass(frozen=True)
class Adam:
    """m <- beta1 m + (1 - beta1) g;  v <- beta2 v + (1 - beta2) g^2;  p <- p - lr m^ / (sqrt(v^) + eps).

    m^ = m / (1 - beta1^t) and v^ = v / (1 - beta2^t) correct the start at 0; eps stands outside the root.
    Source: Kingma and Ba (2015), arXiv:1412.6980, algorithm 1. PyTorch and optax agree; Keras and scikit-learn
    add eps before the correction, which is another eps at small t.
    """

    lr: float = 0.001
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    scope: ClassVar[Scope] = "element"

    def __post_init__(self) -> None:
        checks.not_negative("adam", lr=self.lr)
        checks.positive("adam", eps=self.eps)
        checks.fraction("adam", beta1=self.beta1, beta2=self.beta2)

    def init(self, p: Array) -> State:
        """Both moments 0."""
        zeros = p.__array_namespace__().zeros_like
        return {"m": zeros(p), "v": zeros(p)}

    def update(self, p: Array, g: Array, state: State, h: Hyper) -> tuple[Array, State]:
        """(p - lr m^ / (sqrt(v^) + eps), {m, v})."""
        m = h.beta1 * state["m"]
        m += (1 - h.beta1) * g
        v = h.beta2 * state["v"]
        v += (1 - h.beta2) * (g * g)
        c = (1 - h.beta2**h.step) ** 0.5  # of numerator and denominator: one pass over the array less
        change = p.__array_namespace__().sqrt(v)
        change += c * h.eps
        change = m / change
        change *= c * h.lr / (1 - h.beta1**h.step)
        return p - change, {"m": m, "v": v}

    def reference(self, p: float, gradients: Iterable[float]) -> Iterator[float]:
        """Algorithm 1 of the paper, for one number."""
        m = v = 0.0
        for t, g in enumerate(gradients, start=1):
            m = self.beta1 * m + (1 - self.beta1) * g
            v = self.beta2 * v + (1 - self.beta2) * g**2
            m_hat, v_hat = m / (1 - self.beta1**t), v / (1 - self.beta2**t)
            p = p - self.lr * m_hat / (math.sqrt(v_hat) + self.eps)
            yield p
