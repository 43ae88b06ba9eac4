"""Lion.  p parameter, g gradient, m its running mean; one shape."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, final

from bpframe.plugin import Array, Hyper, Param, Scope, State, TuningSpace, checks, ops
from bpframe_optimizers.decay import check, rule_for


@final
@dataclass(frozen=True)
class Lion:
    """p <- p - lr (sign(beta1 m + (1 - beta1) g) + weight_decay p);  then m <- beta2 m + (1 - beta2) g.

    Every element moves by lr, or not at all where the sign is 0: take 3 to 10 times less lr and as much more
    weight_decay as for adamw. `decay` as in adamw. optax has weight_decay 1e-3.
    Source: Chen et al. (2023), arXiv:2302.06675, algorithm 2.
    """

    lr: float = 0.0001
    beta1: float = 0.9
    beta2: float = 0.99
    weight_decay: float = 0.0
    decay: Literal["weights", "all"] = "weights"
    scope: ClassVar[Scope] = "element"
    amplifies_rounding: ClassVar[tuple[str, ...]] = ("float32",)
    tuning_space: ClassVar[TuningSpace] = {
        "lr": (1e-05, 0.01),
        "source": "that of adamw divided by 3, as Chen et al. (2023) advise: 3 to 10 times less",
    }

    def __post_init__(self) -> None:
        checks.not_negative("lion", lr=self.lr)
        checks.fraction("lion", beta1=self.beta1, beta2=self.beta2)
        check("lion", self)

    @classmethod
    def example_configs(cls) -> list[dict[str, Any]]:
        """Without and with decay."""
        return [{}, {"weight_decay": 0.5}]

    def rule_for(self, param: Param) -> Lion:
        """Without decay for what is no weight, unless all shall decay."""
        return rule_for(self, param)

    def init(self, p: Array) -> State:
        """A mean of 0."""
        return {"m": ops.namespace(p).zeros_like(p)}

    def update(self, p: Array, g: Array, state: State, h: Hyper) -> tuple[Array, State]:
        """(p - lr (sign(beta1 m + (1 - beta1) g) + weight_decay p), {m})."""
        change = ops.namespace(p).sign(h.beta1 * state["m"] + (1 - h.beta1) * g)
        change += h.weight_decay * p
        return p - h.lr * change, {"m": h.beta2 * state["m"] + (1 - h.beta2) * g}

    def reference(self, p: float, gradients: Iterable[float]) -> Iterator[float]:
        """One number, m written out as a sum over the past, up or down by lr."""
        past: list[float] = []
        for g in gradients:
            m = (1 - self.beta2) * sum(self.beta2**age * old for age, old in enumerate(reversed(past)))
            past.append(g)
            p = p * (1 - self.lr * self.weight_decay)
            blend = self.beta1 * m + (1 - self.beta1) * g
            p += self.lr if blend < 0 else -self.lr if blend > 0 else 0.0
            yield p
