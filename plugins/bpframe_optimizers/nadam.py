"""Nadam.  p parameter, g gradient, m and v its running moments, one shape; product 0-d."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, final

from bpframe.plugin import Array, Hyper, Scope, State, TuningSpace, checks, ops
from bpframe_optimizers import flavors

WARM_UP = {"torch": 1 / 250, "keras": 1.0, "optax": math.inf}  # how fast the momentum mu rises to beta1, per step


@final
@dataclass(frozen=True)
class Nadam:
    """p <- p - lr m^ / (sqrt(v^) + eps) with Nesterov's momentum, m^ = mu' m / (1 - P mu') + (1 - mu) g / (1 - P).

    mu = beta1 (1 - 0.96^(psi t) / 2) is the momentum of step t, mu' that of the next, P the product of all mu so far;
    m fades by beta1, v and v^ are Adam's. flavor chooses psi: "torch" (also "paper") 1/250, the
    report's; "keras" 1, which is over after a hundred steps; "optax" none, mu = beta1.
    Source: Dozat (2016), Incorporating Nesterov momentum into Adam, algorithm 2, and the schedule of its report.
    """

    lr: float = 0.002
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    flavor: Literal["torch", "paper", "keras", "optax"] = "torch"
    scope: ClassVar[Scope] = "element"
    synonyms: ClassVar[flavors.Synonyms] = {"flavor": (("torch", "paper"), ("keras",), ("optax",))}
    tuning_space: ClassVar[TuningSpace] = {
        "lr": (6e-05, 0.06),
        "source": "three decades round the default; Dahl et al. (2023), arXiv:2306.07179, has 1e-4 to 1e-2",
    }

    def __post_init__(self) -> None:
        checks.not_negative("nadam", lr=self.lr)
        checks.positive("nadam", eps=self.eps)
        checks.fraction("nadam", beta1=self.beta1, beta2=self.beta2)
        flavors.settle("nadam", self)

    @classmethod
    def example_configs(cls) -> list[dict[str, Any]]:
        """Each flavor."""
        return [{}, {"flavor": "keras"}, {"flavor": "optax", "eps": 1e-3}]

    def init(self, p: Array) -> State:
        """Both moments 0, an empty product."""
        xp = ops.namespace(p)
        product = xp.ones((), dtype=p.dtype, **ops.placement(p))
        return {"m": xp.zeros_like(p), "v": xp.zeros_like(p), "product": product}

    def update(self, p: Array, g: Array, state: State, h: Hyper) -> tuple[Array, State]:
        """(p - lr m^ / (sqrt(v^) + eps), {m, v, product})."""
        psi = WARM_UP[self.flavor]
        mu, following = (h.beta1 * (1 - 0.5 * 0.96 ** (psi * t)) for t in (h.step, h.step + 1))
        product = mu * state["product"]
        m = h.beta1 * state["m"] + (1 - h.beta1) * g
        v = h.beta2 * state["v"] + (1 - h.beta2) * (g * g)
        m_hat = following / (1 - product * following) * m + (1 - mu) / (1 - product) * g
        c = (1 - h.beta2**h.step) ** 0.5
        change = m_hat / (ops.namespace(p).sqrt(v) + c * h.eps)
        return p - c * h.lr * change, {"m": m, "v": v, "product": product}

    def reference(self, p: float, gradients: Iterable[float]) -> Iterator[float]:
        """One number, every mu kept and multiplied anew."""
        psi = WARM_UP[self.flavor]
        mu = [self.beta1 * (1 - 0.96 ** (psi * 1) / 2)]
        m = v = 0.0
        for t, g in enumerate(gradients, start=1):
            mu.append(self.beta1 * (1 - 0.96 ** (psi * (t + 1)) / 2))
            m = self.beta1 * m + (1 - self.beta1) * g
            v = self.beta2 * v + (1 - self.beta2) * g**2
            m_hat = mu[t] * m / (1 - math.prod(mu)) + (1 - mu[t - 1]) * g / (1 - math.prod(mu[:-1]))
            p = p - self.lr * m_hat / (math.sqrt(v / (1 - self.beta2**t)) + self.eps)
            yield p
