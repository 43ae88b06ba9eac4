"""RAdam.  p parameter, g gradient, m and v its running moments, one shape; mass and age 0-d."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, final

from bpframe.plugin import Array, Hyper, Namespace, Scope, State, TuningSpace, checks, ops
from bpframe_optimizers import flavors

TRACTABLE = 5.0  # how many gradients v must be worth


@final
@dataclass(frozen=True)
class Radam:
    """p <- p - lr r m^ / (sqrt(v^) + eps) once v is worth rho > 5 gradients, before that p <- p - lr m^.

    m^ and v^ are Adam's, r^2 = (rho - 4) (rho - 2) rho_inf / ((rho_inf - 4) (rho_inf - 2) rho) and rho_inf =
    2 / (1 - beta2) - 1. The paper's rho = rho_inf - 2 t beta2^t / (1 - beta2^t) is a difference of large numbers (at
    t = 6 and beta2 0.9999 float32 makes 5.04 of 6.00); here it is 2 age / mass - 1, where mass is the sum of the
    weights beta2^k of the gradients in v, and age the sum of (k + 1) beta2^k.
    flavor "torch" (also "paper", whose authors' code does so) adds eps to sqrt(v) before
    its correction, "optax" after it.
    Source: Liu et al. (2020), arXiv:1908.03265, algorithm 2; rho > 5 where that has 4, as in the authors' code.
    """

    lr: float = 0.001
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    flavor: Literal["torch", "paper", "optax"] = "torch"
    scope: ClassVar[Scope] = "element"
    synonyms: ClassVar[flavors.Synonyms] = {"flavor": (("torch", "paper"), ("optax",))}
    tuning_space: ClassVar[TuningSpace] = {
        "lr": (3e-05, 0.03),
        "source": "that of adam, which it rectifies",
    }

    def __post_init__(self) -> None:
        checks.not_negative("radam", lr=self.lr)
        checks.positive("radam", eps=self.eps)
        checks.fraction("radam", beta1=self.beta1, beta2=self.beta2)
        flavors.settle("radam", self)

    @classmethod
    def example_configs(cls) -> list[dict[str, Any]]:
        """Each flavor, and a v that is never worth five gradients."""
        return [{}, {"flavor": "optax", "eps": 1e-3, "beta2": 0.99}, {"beta2": 0.6}]

    def init(self, p: Array) -> State:
        """Both moments 0, of no gradients."""
        xp = ops.namespace(p)
        nothing = xp.zeros((), dtype=p.dtype, **ops.placement(p))
        return {"m": xp.zeros_like(p), "v": xp.zeros_like(p), "mass": nothing, "age": nothing}

    def update(self, p: Array, g: Array, state: State, h: Hyper) -> tuple[Array, State]:
        """(p - lr r m^ / (sqrt(v^) + eps) or p - lr m^, {m, v, mass, age})."""
        xp = ops.namespace(p)
        m = h.beta1 * state["m"] + (1 - h.beta1) * g
        v = h.beta2 * state["v"] + (1 - h.beta2) * (g * g)
        age = h.beta2 * (state["age"] + state["mass"]) + 1
        mass = h.beta2 * state["mass"] + 1
        rho = 2 * age / mass - 1
        tractable = rho > TRACTABLE
        c = ((1 - h.beta2) * mass) ** 0.5
        root = xp.sqrt(v) + (h.eps if self.flavor == "torch" else c * h.eps)
        change = m / xp.where(tractable, root, 1.0)
        change *= xp.where(tractable, c * _rectification(xp, rho, h.beta2), 1.0) * h.lr / (1 - h.beta1**h.step)
        return p - change, {"m": m, "v": v, "mass": mass, "age": age}

    def reference(self, p: float, gradients: Iterable[float]) -> Iterator[float]:
        """Algorithm 2 of the paper, for one number; flavor "torch" with eps / sqrt(1 - beta2^t) as its eps."""
        m = v = 0.0
        limit = 2 / (1 - self.beta2) - 1
        for t, g in enumerate(gradients, start=1):
            m = self.beta1 * m + (1 - self.beta1) * g
            v = self.beta2 * v + (1 - self.beta2) * g**2
            rho = limit - 2 * t * self.beta2**t / (1 - self.beta2**t)
            step = self.lr * m / (1 - self.beta1**t)
            if rho > 5:
                eps = self.eps / math.sqrt(1 - self.beta2**t) if self.flavor == "torch" else self.eps
                r = math.sqrt((rho - 4) / (limit - 4) * (rho - 2) / (limit - 2) * limit / rho)
                step *= r / (math.sqrt(v / (1 - self.beta2**t)) + eps)
            p = p - step
            yield p


def _rectification(xp: Namespace, rho: Array, beta2: Array) -> Array:
    """r, 0-d; the bounds change no value that is used, they keep the others out of roots of negative numbers."""
    limit = xp.maximum((2 / (1 - beta2) - 1) * xp.ones_like(rho), TRACTABLE)
    rho = xp.maximum(rho, TRACTABLE)
    return xp.sqrt((rho - 4) / (limit - 4) * ((rho - 2) / (limit - 2)) * (limit / rho))
