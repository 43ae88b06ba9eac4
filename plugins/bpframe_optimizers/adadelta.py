"""AdaDelta.  p parameter, g gradient, change of p, and running means of the squares of both; one shape."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar, final

from bpframe.plugin import Array, Hyper, Scope, State, TuningSpace, checks, ops


@final
@dataclass(frozen=True)
class Adadelta:
    """change = sqrt(E[change^2] + eps) / sqrt(E[g^2] + eps) g;  p <- p - lr change.

    E[a] <- rho E[a] + (1 - rho) a; that of g is new, that of the change is from before this step and does not see lr.
    The units of p are kept, so lr is 1 in the paper. PyTorch has rho 0.9, Keras lr 0.001 and eps 1e-7: a thousandth
    of the paper's step.
    Source: Zeiler (2012), arXiv:1212.5701, algorithm 1.
    """

    lr: float = 1.0
    rho: float = 0.95
    eps: float = 1e-6
    scope: ClassVar[Scope] = "element"
    tuning_space: ClassVar[TuningSpace] = {
        "lr": (0.03, 30.0),
        "source": "three decades round the 1 of Zeiler (2012), which has no rate",
    }

    def __post_init__(self) -> None:
        checks.not_negative("adadelta", lr=self.lr)
        checks.fraction("adadelta", rho=self.rho)
        checks.positive("adadelta", eps=self.eps)

    def init(self, p: Array) -> State:
        """Both means 0."""
        zeros = ops.namespace(p).zeros_like
        return {"gradients": zeros(p), "changes": zeros(p)}

    def update(self, p: Array, g: Array, state: State, h: Hyper) -> tuple[Array, State]:
        """(p - lr change, {gradients, changes}: the two means)."""
        sqrt = ops.namespace(p).sqrt
        gradients = h.rho * state["gradients"] + (1 - h.rho) * (g * g)
        change = sqrt(state["changes"] + h.eps) / sqrt(gradients + h.eps) * g
        changes = h.rho * state["changes"] + (1 - h.rho) * (change * change)
        return p - h.lr * change, {"gradients": gradients, "changes": changes}

    def reference(self, p: float, gradients: Iterable[float]) -> Iterator[float]:
        """One number, the means written out as sums over all that was."""
        seen: list[float] = []
        made: list[float] = []
        for g in gradients:
            seen.append(g)
            made.append(self._rms(made) / self._rms(seen) * g)
            p = p - self.lr * made[-1]
            yield p

    def _rms(self, values: list[float]) -> float:
        mean = sum(self.rho**age * (1 - self.rho) * a**2 for age, a in enumerate(reversed(values)))
        return math.sqrt(mean + self.eps)
