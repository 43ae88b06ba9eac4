"""AdaBelief.  p parameter, g gradient, m its running mean, s its running variance around m; one shape."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar, final

from bpframe.plugin import Array, Hyper, Scope, State, TuningSpace, checks, ops


@final
@dataclass(frozen=True)
class Adabelief:
    """s <- beta2 s + (1 - beta2) (g - m)^2 + eps;  p <- p - lr m^ / (sqrt(s^) + eps): Adam that trusts what it expects.

    m <- beta1 m + (1 - beta1) g comes first; m^ and s^ are corrected as Adam's. eps stands in two places and adds up
    in s; its value is optax's and that of the authors' code, which had 1e-8 before version 0.1. That code also
    rectifies as RAdam does, which the paper and optax do not.
    Source: Zhuang et al. (2020), arXiv:2010.07468, algorithm 2.
    """

    lr: float = 0.001
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-16
    scope: ClassVar[Scope] = "element"
    tuning_space: ClassVar[TuningSpace] = {
        "lr": (3e-05, 0.03),
        "source": "three decades round the default",
    }

    def __post_init__(self) -> None:
        checks.not_negative("adabelief", lr=self.lr)
        checks.positive("adabelief", eps=self.eps)
        checks.fraction("adabelief", beta1=self.beta1, beta2=self.beta2)

    def init(self, p: Array) -> State:
        """Both 0."""
        zeros = ops.namespace(p).zeros_like
        return {"m": zeros(p), "s": zeros(p)}

    def update(self, p: Array, g: Array, state: State, h: Hyper) -> tuple[Array, State]:
        """(p - lr m^ / (sqrt(s^) + eps), {m, s})."""
        m = h.beta1 * state["m"] + (1 - h.beta1) * g
        surprise = g - m
        s = h.beta2 * state["s"] + (1 - h.beta2) * (surprise * surprise) + h.eps
        c = (1 - h.beta2**h.step) ** 0.5
        change = m / (ops.namespace(p).sqrt(s) + c * h.eps)
        return p - c * h.lr / (1 - h.beta1**h.step) * change, {"m": m, "s": s}

    def reference(self, p: float, gradients: Iterable[float]) -> Iterator[float]:
        """One number; the surprise as beta1 (g - m before), the eps in s as their geometric sum."""
        m = s = 0.0
        for t, g in enumerate(gradients, start=1):
            s = self.beta2 * s + (1 - self.beta2) * (self.beta1 * (g - m)) ** 2
            m = m + (1 - self.beta1) * (g - m)
            s_hat = s / (1 - self.beta2**t) + self.eps / (1 - self.beta2)
            p = p - self.lr * m / (1 - self.beta1**t) / (math.sqrt(s_hat) + self.eps)
            yield p
