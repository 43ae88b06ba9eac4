"""Adan.  p parameter, g gradient, m, d, n its running mean, difference and square, previous g; one shape."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, final

from bpframe.plugin import Array, Hyper, Param, Scope, State, TuningSpace, checks, ops
from bpframe_optimizers.decay import check, rule_for


@final
@dataclass(frozen=True)
class Adan:
    """p <- p - lr weight_decay p - lr (m^ + beta2 d^) / (sqrt(n^) + eps): Nesterov's momentum without a look ahead.

    m, d and n are running means, with beta1, beta2 and beta3, of g, of its difference to the previous g (0 at first),
    and of (g + beta2 difference)^2; m^, d^ and n^ are corrected as Adam's. `decay` as in adamw.
    The betas are those of the authors' code, 1 less the paper's. That code divides p by 1 + lr weight_decay after the
    step by default and has the decay above as an option. optax weighs differences by 1 - beta2, against both.
    Source: Xie et al. (2022), arXiv:2208.06677, algorithm 1.
    """

    lr: float = 0.001
    beta1: float = 0.98
    beta2: float = 0.92
    beta3: float = 0.99
    eps: float = 1e-8
    weight_decay: float = 0.0
    decay: Literal["weights", "all"] = "weights"
    scope: ClassVar[Scope] = "element"
    tuning_space: ClassVar[TuningSpace] = {
        "lr": (0.0001, 0.1),
        "source": "that of adam times 3; its authors mostly take 5 to 10 times its rate (github.com/sail-sg/Adan)",
    }

    def __post_init__(self) -> None:
        checks.not_negative("adan", lr=self.lr)
        checks.positive("adan", eps=self.eps)
        checks.fraction("adan", beta1=self.beta1, beta2=self.beta2, beta3=self.beta3)
        check("adan", self)

    @classmethod
    def example_configs(cls) -> list[dict[str, Any]]:
        """Without and with decay."""
        return [{}, {"weight_decay": 0.5, "beta2": 0.5}]

    def rule_for(self, param: Param) -> Adan:
        """Without decay for what is no weight, unless all shall decay."""
        return rule_for(self, param)

    def init(self, p: Array) -> State:
        """All zeros."""
        zeros = ops.namespace(p).zeros_like
        return {"m": zeros(p), "d": zeros(p), "n": zeros(p), "previous": zeros(p)}

    def update(self, p: Array, g: Array, state: State, h: Hyper) -> tuple[Array, State]:
        """(p - lr weight_decay p - lr (m^ + beta2 d^) / (sqrt(n^) + eps), {m, d, n, previous})."""
        xp = ops.namespace(p)
        later = xp.astype(xp.asarray(h.step > 1, **ops.placement(p)), p.dtype)  # 0 in the first step
        difference = later * (g - state["previous"])
        ahead = g + h.beta2 * difference
        m = h.beta1 * state["m"] + (1 - h.beta1) * g
        d = h.beta2 * state["d"] + (1 - h.beta2) * difference
        n = h.beta3 * state["n"] + (1 - h.beta3) * (ahead * ahead)
        c = (1 - h.beta3**h.step) ** 0.5
        change = c / (1 - h.beta1**h.step) * m + c * h.beta2 / (1 - h.beta2**h.step) * d
        change /= xp.sqrt(n) + c * h.eps
        change += h.weight_decay * p
        return p - h.lr * change, {"m": m, "d": d, "n": n, "previous": g}

    def reference(self, p: float, gradients: Iterable[float]) -> Iterator[float]:
        """Algorithm 1 for one number, with the paper's betas, decayed before the step."""
        a, b, c = 1 - self.beta1, 1 - self.beta2, 1 - self.beta3
        m = d = n = 0.0
        before: float | None = None
        for t, g in enumerate(gradients, start=1):
            gap = 0.0 if before is None else g - before
            before = g
            m, d, n = (1 - a) * m + a * g, (1 - b) * d + b * gap, (1 - c) * n + c * (g + (1 - b) * gap) ** 2
            direction = m / (1 - (1 - a) ** t) + (1 - b) * d / (1 - (1 - b) ** t)
            p = p * (1 - self.lr * self.weight_decay)
            p = p - self.lr * direction / (math.sqrt(n / (1 - (1 - c) ** t)) + self.eps)
            yield p
