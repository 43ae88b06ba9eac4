"""MARS.  p parameter, g gradient, c corrected gradient, m and v its running moments; one shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np

from bpframe.plugin import Array, Hyper, Optimizer, Param, Scope, State, TuningSpace, checks, ops, rule_for
from bpframe_optimizers import wrapped
from bpframe_optimizers.adamw import Adamw
from bpframe_optimizers.golden_paths import Golden


@final
@dataclass(frozen=True)
class Mars:
    """p <- p - lr (m^ / (sqrt(v^) + eps) + weight_decay p), m^ and v^ Adam's moments of c / max(1, ||c||).

    c = g + gamma beta1 / (1 - beta1) (g - previous g): with a `gamma` above 0 less of the noise of batches is left; at
    the first step c = g. ||c|| is the norm over the parameter. For weights (n, m): all other parameters follow the rule
    `others` at its own learning rate; what multiplies learning rates multiplies both.
    Defaults are those of the authors' code, whose first step takes a previous g of 0. The previous g is that of the
    batch before, MARS-approx; `mars_exact` takes the gradient of this batch at the parameters before.
    Source: Yuan et al. (2024), MARS, arXiv:2411.10438, algorithm 2 (MARS-AdamW).
    """

    lr: float = 0.003
    beta1: float = 0.95
    beta2: float = 0.99
    gamma: float = 0.025
    eps: float = 1e-8
    weight_decay: float = 0.0
    others: Optimizer = Adamw(lr=0.003, beta2=0.95, weight_decay=0.1)
    scope: ClassVar[Scope] = "array"
    tuning_space: ClassVar[TuningSpace] = {
        "lr": (1e-4, 0.1),
        "gamma": [0.0125, 0.025, 0.05],
        "source": "lr: three decades round its default; gamma: half and twice the paper's 0.025, arXiv:2411.10438",
    }

    def __post_init__(self) -> None:
        checks.not_negative("mars", lr=self.lr, gamma=self.gamma, weight_decay=self.weight_decay)
        checks.positive("mars", eps=self.eps)
        checks.fraction("mars", beta1=self.beta1, beta2=self.beta2)
        wrapped.check("mars", self.others)

    def rule_for(self, param: Param) -> Optimizer:
        """This one for weights of two axes, `others` for the rest."""
        if param.role == "weight" and len(param.shape) == 2:
            return self
        other: Optimizer = rule_for(self.others, param)
        return other

    def init(self, p: Array) -> State:
        """Both moments 0, no previous gradient."""
        zeros = ops.namespace(p).zeros_like
        return {"m": zeros(p), "v": zeros(p), "previous": zeros(p)}

    def update(self, p: Array, g: Array, state: State, h: Hyper) -> tuple[Array, State]:
        """(p - lr (m^ / (sqrt(v^) + eps) + weight_decay p), {m, v, previous})."""
        xp = ops.namespace(p)
        later = xp.astype(xp.asarray(h.step > 1, **ops.placement(p)), p.dtype)  # 0 in the first step
        c = g + later * (h.gamma * h.beta1 / (1 - h.beta1)) * (g - state["previous"])
        new, moments = adam_step(p, c, state, h)
        return new, {**moments, "previous": g}

    def golden(self) -> list[Golden]:
        """By hand, without decay and eps: c = (0.6, 0.8) of length 1, then (0, 2) + (-0.6, 1.2) / 2, a longer one."""
        plain = {"lr": 0.1, "beta1": 0.5, "beta2": 0.0, "gamma": 0.5, "eps": 1e-30}
        second = np.array([0.0 - 0.3, 2.0 + 0.6])
        second /= np.sqrt(second @ second)
        m = (np.array([0.6, 0.8]) / 4 + second / 2) / 0.75
        start = np.array([1.0, -1.0])
        path = [start - 0.1, start - 0.1 - 0.1 * m / np.abs(second)]
        return [(plain, start, [[0.6, 0.8], [0.0, 2.0]], path)]


def adam_step(p: Array, c: Array, state: State, h: Hyper) -> tuple[Array, State]:
    """(p - lr (m^ / (sqrt(v^) + eps) + weight_decay p), {m, v}) of a corrected gradient c, cut to length 1."""
    xp = ops.namespace(p)
    c = c / xp.maximum(xp.sqrt(ops.inner(c, c)), 1.0)
    m = h.beta1 * state["m"] + (1 - h.beta1) * c
    v = h.beta2 * state["v"] + (1 - h.beta2) * (c * c)
    change: Any = (m / (1 - h.beta1**h.step)) / (xp.sqrt(v / (1 - h.beta2**h.step)) + h.eps)
    change += h.weight_decay * p
    return p - h.lr * change, {"m": m, "v": v}
