"""Gradient descent.  p parameter, g gradient; any shape."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar, final

from bpframe.plugin import Array, Hyper, Scope, State, TuningSpace, checks


@final
@dataclass(frozen=True)
class Sgd:
    """p <- p - lr g: vanilla gradient descent, on the gradient of whatever batch it is given.

    Source: Cauchy (1847); on random batches, Robbins and Monro (1951), A stochastic approximation method.
    """

    lr: float = 0.01
    scope: ClassVar[Scope] = "element"
    tuning_space: ClassVar[TuningSpace] = {
        "lr": (0.01, 10.0),
        "source": "twice that of momentum, since nothing multiplies the step",
    }

    def __post_init__(self) -> None:
        checks.not_negative("sgd", lr=self.lr)

    def init(self, p: Array) -> State:
        """Nothing to remember."""
        return {}

    def update(self, p: Array, g: Array, state: State, h: Hyper) -> tuple[Array, State]:
        """(p - lr g, {})."""
        return p - h.lr * g, {}

    def reference(self, p: float, gradients: Iterable[float]) -> Iterator[float]:
        """One number, as the start less lr times the sum of all gradients so far."""
        past: list[float] = []
        for g in gradients:
            past.append(self.lr * g)
            yield math.fsum([p, *(-step for step in past)])
