"""AMSGrad.  p parameter, g gradient, m and v its running moments, largest v so far; one shape."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, final

from bpframe.plugin import Array, Hyper, Scope, State, TuningSpace, checks, ops
from bpframe_optimizers import flavors


@final
@dataclass(frozen=True)
class Amsgrad:
    """Adam with the largest v so far in place of v:  largest <- max(largest, v);  p <- p - lr m^ / (sqrt(v^) + eps).

    flavor says what is largest and where eps is added. "torch": largest v as it is, then v^ = largest / (1 - beta2^t).
    "keras": the same, eps before the correction. "optax": largest of the corrected v / (1 - beta2^t), which the
    division by small numbers at the start makes larger. "paper" corrects neither moment: lr m /
    (sqrt(v) + eps).
    Source: Reddi, Kale and Kumar (2018), arXiv:1904.09237, algorithm 2.
    """

    lr: float = 0.001
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    flavor: Literal["torch", "keras", "optax", "paper"] = "torch"
    scope: ClassVar[Scope] = "element"
    synonyms: ClassVar[flavors.Synonyms] = {"flavor": (("torch",), ("keras",), ("optax",), ("paper",))}
    tuning_space: ClassVar[TuningSpace] = {"lr": (3e-05, 0.03), "source": "that of adam, which it bounds"}

    def __post_init__(self) -> None:
        checks.not_negative("amsgrad", lr=self.lr)
        checks.positive("amsgrad", eps=self.eps)
        checks.fraction("amsgrad", beta1=self.beta1, beta2=self.beta2)
        flavors.settle("amsgrad", self)

    @classmethod
    def example_configs(cls) -> list[dict[str, Any]]:
        """Each flavor."""
        return [{}, {"flavor": "keras", "eps": 1e-3}, {"flavor": "optax", "beta2": 0.9}, {"flavor": "paper"}]

    def init(self, p: Array) -> State:
        """All zeros."""
        zeros = ops.namespace(p).zeros_like
        return {"m": zeros(p), "v": zeros(p), "largest": zeros(p)}

    def update(self, p: Array, g: Array, state: State, h: Hyper) -> tuple[Array, State]:
        """(p - lr m^ / (sqrt(v^) + eps), {m, v, largest})."""
        xp = ops.namespace(p)
        m = h.beta1 * state["m"] + (1 - h.beta1) * g
        v = h.beta2 * state["v"] + (1 - h.beta2) * (g * g)
        if self.flavor == "paper":
            largest = xp.maximum(state["largest"], v)
            return p - h.lr * (m / (xp.sqrt(largest) + h.eps)), {"m": m, "v": v, "largest": largest}
        correction = 1 - h.beta2**h.step
        largest = xp.maximum(state["largest"], v / correction if self.flavor == "optax" else v)
        c = 1.0 if self.flavor == "optax" else correction**0.5
        change = m / (xp.sqrt(largest) + (h.eps if self.flavor == "keras" else c * h.eps))
        return p - c * h.lr / (1 - h.beta1**h.step) * change, {"m": m, "v": v, "largest": largest}

    def reference(self, p: float, gradients: Iterable[float]) -> Iterator[float]:
        """One number, with every v kept and the largest sought anew each time."""
        m, v = 0.0, [0.0]
        for t, g in enumerate(gradients, start=1):
            m = self.beta1 * m + (1 - self.beta1) * g
            v.append(self.beta2 * v[-1] + (1 - self.beta2) * g**2)
            if self.flavor == "paper":
                p = p - self.lr * m / (math.sqrt(max(v)) + self.eps)
                yield p
                continue
            if self.flavor == "optax":
                v_hat = max(v[s] / (1 - self.beta2**s) for s in range(1, t + 1))
            else:
                v_hat = max(v) / (1 - self.beta2**t)
            eps = self.eps / math.sqrt(1 - self.beta2**t) if self.flavor == "keras" else self.eps
            p = p - self.lr * m / (1 - self.beta1**t) / (math.sqrt(v_hat) + eps)
            yield p
