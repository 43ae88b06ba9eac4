"""AdEMAMix.  p parameter, g gradient, fast and slow its running means, v its running square; one shape."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, final

from bpframe.plugin import Array, Hyper, Param, Scope, State, TuningSpace, checks, ops
from bpframe_optimizers.decay import check, rule_for


@final
@dataclass(frozen=True)
class Ademamix:
    """p <- p - lr ((fast^ + alpha slow) / (sqrt(v^) + eps) + weight_decay p): Adam that also remembers old gradients.

    fast, slow and v are running means of g, g and g^2 with beta1, beta3 and beta2; fast^ and v^ are corrected as
    Adam's, slow is not. `decay` as in adamw. The paper lets alpha rise from 0, and beta3 from beta1, over the whole
    run: give each a schedule. alpha is that of optax; the authors' code has 2.
    Source: Pagliardini, Ablin and Grangier (2024), arXiv:2409.03137, algorithm 1.
    """

    lr: float = 0.001
    beta1: float = 0.9
    beta2: float = 0.999
    beta3: float = 0.9999
    alpha: float = 5.0
    eps: float = 1e-8
    weight_decay: float = 0.0
    decay: Literal["weights", "all"] = "weights"
    scope: ClassVar[Scope] = "element"
    tuning_space: ClassVar[TuningSpace] = {
        "lr": (3e-05, 0.03),
        "source": "that of adam; its authors' example has the rate 1e-3, too (github.com/apple/ml-ademamix)",
    }

    def __post_init__(self) -> None:
        checks.not_negative("ademamix", lr=self.lr, alpha=self.alpha)
        checks.positive("ademamix", eps=self.eps)
        checks.fraction("ademamix", beta1=self.beta1, beta2=self.beta2, beta3=self.beta3)
        check("ademamix", self)

    @classmethod
    def example_configs(cls) -> list[dict[str, Any]]:
        """Without and with decay."""
        return [{}, {"weight_decay": 0.5, "alpha": 2.0, "beta3": 0.99}]

    def rule_for(self, param: Param) -> Ademamix:
        """Without decay for what is no weight, unless all shall decay."""
        return rule_for(self, param)

    def init(self, p: Array) -> State:
        """All zeros."""
        zeros = ops.namespace(p).zeros_like
        return {"fast": zeros(p), "slow": zeros(p), "v": zeros(p)}

    def update(self, p: Array, g: Array, state: State, h: Hyper) -> tuple[Array, State]:
        """(p - lr ((fast^ + alpha slow) / (sqrt(v^) + eps) + weight_decay p), {fast, slow, v})."""
        fast = h.beta1 * state["fast"] + (1 - h.beta1) * g
        slow = h.beta3 * state["slow"] + (1 - h.beta3) * g
        v = h.beta2 * state["v"] + (1 - h.beta2) * (g * g)
        c = (1 - h.beta2**h.step) ** 0.5
        change = c / (1 - h.beta1**h.step) * fast + c * h.alpha * slow
        change /= ops.namespace(p).sqrt(v) + c * h.eps
        change += h.weight_decay * p
        return p - h.lr * change, {"fast": fast, "slow": slow, "v": v}

    def reference(self, p: float, gradients: Iterable[float]) -> Iterator[float]:
        """One number, each mean written out as a sum over all gradients."""
        past: list[float] = []
        for g in gradients:
            past.insert(0, g)
            fast = self._mean(self.beta1, past) / (1 - self.beta1 ** len(past))
            v = self._mean(self.beta2, [old**2 for old in past]) / (1 - self.beta2 ** len(past))
            p = p * (1 - self.lr * self.weight_decay)
            p = p - self.lr * (fast + self.alpha * self._mean(self.beta3, past)) / (math.sqrt(v) + self.eps)
            yield p

    @staticmethod
    def _mean(beta: float, newest_first: list[float]) -> float:
        return (1 - beta) * sum(beta**age * old for age, old in enumerate(newest_first))
