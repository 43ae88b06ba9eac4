"""Adamax.  p parameter, g gradient, m its running mean, u its fading maximum; one shape."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, final

from bpframe.plugin import Array, Hyper, Scope, State, TuningSpace, checks, ops
from bpframe_optimizers import flavors


@final
@dataclass(frozen=True)
class Adamax:
    """m <- beta1 m + (1 - beta1) g;  u <- max(beta2 u, |g| + eps);  p <- p - lr m / ((1 - beta1^t) u).

    Adam with the maximum norm. The paper has no eps, so that a gradient of 0 at the start would divide 0 by 0; flavor
    "torch" (also "optax") adds it to |g|, as above, "keras" to u where it divides; "paper" divides by eps where u is
    smaller, and elsewhere by u itself.
    Source: Kingma and Ba (2015), arXiv:1412.6980, algorithm 2.
    """

    lr: float = 0.002
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    flavor: Literal["torch", "optax", "keras", "paper"] = "torch"
    scope: ClassVar[Scope] = "element"
    synonyms: ClassVar[flavors.Synonyms] = {"flavor": (("torch", "optax"), ("keras",), ("paper",))}
    tuning_space: ClassVar[TuningSpace] = {
        "lr": (6e-05, 0.06),
        "source": "three decades round the rate of Kingma and Ba (2015), section 7.1",
    }

    def __post_init__(self) -> None:
        checks.not_negative("adamax", lr=self.lr)
        checks.positive("adamax", eps=self.eps)
        checks.fraction("adamax", beta1=self.beta1, beta2=self.beta2)
        flavors.settle("adamax", self)

    @classmethod
    def example_configs(cls) -> list[dict[str, Any]]:
        """Each flavor."""
        return [{}, {"flavor": "keras", "eps": 1e-3}, {"flavor": "paper", "eps": 0.1}]

    def init(self, p: Array) -> State:
        """Both 0."""
        zeros = ops.namespace(p).zeros_like
        return {"m": zeros(p), "u": zeros(p)}

    def update(self, p: Array, g: Array, state: State, h: Hyper) -> tuple[Array, State]:
        """(p - lr m / ((1 - beta1^t) u), {m, u})."""
        xp = ops.namespace(p)
        m = h.beta1 * state["m"] + (1 - h.beta1) * g
        if self.flavor == "torch":
            u = bound = xp.maximum(h.beta2 * state["u"], xp.abs(g) + h.eps)
        else:
            u = xp.maximum(h.beta2 * state["u"], xp.abs(g))
            bound = u + h.eps if self.flavor == "keras" else xp.maximum(u, h.eps)
        return p - h.lr / (1 - h.beta1**h.step) * (m / bound), {"m": m, "u": u}

    def reference(self, p: float, gradients: Iterable[float]) -> Iterator[float]:
        """One number; m^ and u as the mean and the maximum over all gradients, faded by their age."""
        early, late, least = {
            "torch": (self.eps, 0.0, 0.0),
            "keras": (0.0, self.eps, 0.0),
            "paper": (0.0, 0.0, self.eps),
        }[self.flavor]
        past: list[float] = []
        for g in gradients:
            past.insert(0, g)
            total = sum(self.beta1**age for age in range(len(past)))
            m_hat = sum(self.beta1**age * old for age, old in enumerate(past)) / total
            u = max(self.beta2**age * (abs(old) + early) for age, old in enumerate(past)) + late
            p = p - self.lr * m_hat / max(u, least)
            yield p
