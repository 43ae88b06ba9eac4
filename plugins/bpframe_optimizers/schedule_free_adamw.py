"""Schedule-free AdamW.  y parameter, x its average, z base point, g gradient, v its second moment; one shape."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal, final

from bpframe.plugin import Array, Hyper, Optimizer, Param, Scope, State, TuningSpace, checks, ops
from bpframe_optimizers import averaged, decay
from bpframe_optimizers.golden_paths import Golden, golden_paths


@final
@dataclass(frozen=True)
class ScheduleFreeAdamw:
    """z <- z - lr_t u;  x <- (1 - c) x + c z;  y = (1 - beta1) z + beta1 x: trains at y, predicts with x.

    v <- beta2 v + (1 - beta2) g(y)^2;  u = g / (sqrt(v^) + eps) + weight_decay y.
    v^ = v / (1 - beta2^t); c = lr_t^2 / sum of lr_i^2 up to t; lr_t rises linearly over `warmup_steps`. The averaging
    replaces both momentum and schedule, so beta1 must be above 0. It is to stay the same through a training, without a
    schedule or a change between fits: x is not kept but follows from y and z by the beta1 of the moment. Only weights
    decay unless `decay` is "all".
    Source: Defazio et al. (2024), The road less scheduled, arXiv:2405.15682, algorithm 1, with the correction of v
    under the root as in its authors' code and in optax; the paper's print has it in lr_t, where it also changes c.
    """

    lr: float = 0.0025
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    weight_decay: float = 0.0
    warmup_steps: int = 0
    decay: Literal["weights", "all"] = "weights"
    scope: ClassVar[Scope] = "element"
    tuning_space: ClassVar[TuningSpace] = {
        "lr": (0.0001, 0.1),
        "schedule": None,
        "source": "three decades round the default; its authors advise 1 to 10 times the rate of adamw",
    }

    def __post_init__(self) -> None:
        checks.not_negative("schedule_free_adamw", lr=self.lr)
        checks.positive("schedule_free_adamw", beta1=self.beta1, eps=self.eps)
        checks.fraction("schedule_free_adamw", beta1=self.beta1, beta2=self.beta2)
        checks.whole("schedule_free_adamw", 0, warmup_steps=self.warmup_steps)
        decay.check("schedule_free_adamw", self)

    @classmethod
    def example_configs(cls) -> list[dict[str, object]]:
        """Without and with warm-up and decay."""
        return [{}, {"lr": 0.01, "beta1": 0.95, "weight_decay": 0.1, "warmup_steps": 7, "decay": "all"}]

    def rule_for(self, param: Param) -> Optimizer:
        """Without decay where there is to be none."""
        return decay.rule_for(self, param)

    def init(self, p: Array) -> State:
        """All three points in one, v = 0."""
        return {"v": ops.namespace(p).zeros_like(p), **averaged.init(p)}

    def update(self, p: Array, g: Array, state: State, h: Hyper) -> tuple[Array, State]:
        """(y, {v, z, weight_sum})."""
        v = h.beta2 * state["v"]
        v += (1 - h.beta2) * (g * g)
        scale = ops.namespace(p).sqrt(v / (1 - h.beta2**h.step))
        scale += h.eps
        u = g / scale
        u += h.weight_decay * p
        y, rest = averaged.step(p, u, state, h, averaged.warmed_up(h, self.warmup_steps, p), h.beta1)
        return y, {"v": v, **rest}

    def restart(self, p: Array, state: State) -> State:
        """All three points are p, and the average starts there."""
        return {**state, **averaged.init(p)}

    def displace(self, p: Array, change: Array, state: State, h: Hyper) -> tuple[Array, State]:
        """z moves, as by a step; the average stays."""
        return averaged.displaced(p, change, state, h.beta1)

    def evaluation_params(self, p: Array, state: State, h: Hyper) -> Array:
        """The average x."""
        return averaged.average(p, state, h.beta1)

    def reference(self, p: float, gradients: Iterable[float]) -> Iterator[float]:
        """One number, with x itself, as algorithm 1 has it."""
        y = x = z = p
        v = weight_sum = 0.0
        for t, g in enumerate(gradients, start=1):
            v = self.beta2 * v + (1 - self.beta2) * g**2
            lr = self.lr * min(1.0, t / self.warmup_steps) if self.warmup_steps else self.lr
            z = z - lr * g / (math.sqrt(v / (1 - self.beta2**t)) + self.eps) - lr * self.weight_decay * y
            weight_sum += lr**2
            c = lr**2 / weight_sum
            x = (1 - c) * x + c * z
            y = (1 - self.beta1) * z + self.beta1 * x
            yield y

    def golden(self) -> list[Golden]:
        """Paths of the authors' code."""
        arguments = {"lr": 0.02, "beta1": 0.95, "beta2": 0.99, "weight_decay": 0.1, "decay": "all", "warmup_steps": 7}
        return golden_paths({"schedule_free_adamw": arguments})
