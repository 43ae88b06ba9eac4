"""Yogi.  p parameter, g gradient, m its running mean, v follows its square; one shape."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, final

from bpframe.plugin import Array, Hyper, Scope, State, TuningSpace, checks, ops
from bpframe_optimizers import flavors

START = 1e-6  # of v, so that the first sign says "grow"


@final
@dataclass(frozen=True)
class Yogi:
    """v <- v - (1 - beta2) sign(v - g^2) g^2;  p <- p - lr m / (sqrt(v) + eps): v shrinks slower than Adam's.

    m <- beta1 m + (1 - beta1) g; v starts at 1e-6, as in most code. flavor "paper" corrects nothing. "optax" (and
    other code) divides m by 1 - beta1^t and v by 1 - beta2^t, and starts m at 1e-6 too.
    Source: Zaheer et al. (2018), Adaptive methods for nonconvex optimization, NeurIPS, algorithm 2.
    """

    lr: float = 0.01
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-3
    flavor: Literal["paper", "optax"] = "paper"
    scope: ClassVar[Scope] = "element"
    synonyms: ClassVar[flavors.Synonyms] = {"flavor": (("paper",), ("optax",))}
    tuning_space: ClassVar[TuningSpace] = {
        "lr": (0.0003, 0.3),
        "source": "three decades round the default",
    }

    def __post_init__(self) -> None:
        checks.not_negative("yogi", lr=self.lr)
        checks.positive("yogi", eps=self.eps)
        checks.fraction("yogi", beta1=self.beta1, beta2=self.beta2)
        flavors.settle("yogi", self)

    @classmethod
    def example_configs(cls) -> list[dict[str, Any]]:
        """Each flavor."""
        return [{}, {"flavor": "optax", "beta2": 0.9}]

    def init(self, p: Array) -> State:
        """v at 1e-6, m at 0 or there too."""
        v = ops.namespace(p).full_like(p, START)
        return {"m": v if self.flavor == "optax" else 0 * v, "v": v}

    def update(self, p: Array, g: Array, state: State, h: Hyper) -> tuple[Array, State]:
        """(p - lr m / (sqrt(v) + eps), {m, v}), or with both corrected."""
        xp = ops.namespace(p)
        m = h.beta1 * state["m"] + (1 - h.beta1) * g
        square = g * g
        v = state["v"] - (1 - h.beta2) * (xp.sign(state["v"] - square) * square)
        corrected = self.flavor == "optax"
        c = (1 - h.beta2**h.step) ** 0.5 if corrected else 1.0
        change = m / (xp.sqrt(v) + c * h.eps)
        return p - (c * h.lr / (1 - h.beta1**h.step) if corrected else h.lr) * change, {"m": m, "v": v}

    def reference(self, p: float, gradients: Iterable[float]) -> Iterator[float]:
        """One number, larger and smaller squares apart."""
        corrected = self.flavor == "optax"
        m, v = 1e-6 if corrected else 0.0, 1e-6
        for t, g in enumerate(gradients, start=1):
            m = self.beta1 * m + (1 - self.beta1) * g
            if g**2 > v:
                v += (1 - self.beta2) * g**2
            elif g**2 < v:
                v -= (1 - self.beta2) * g**2
            m_hat, v_hat = (m / (1 - self.beta1**t), v / (1 - self.beta2**t)) if corrected else (m, v)
            p = p - self.lr * m_hat / (math.sqrt(v_hat) + self.eps)
            yield p
