"""Stochastic gradient Langevin dynamics (sgld).  p parameter, g gradient, e noise; one shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from bpframe.plugin import Array, Hyper, Scope, State, TuningSpace, checks
from bpframe_optimizers.golden_paths import Golden


@final
@dataclass(frozen=True)
class Sgld:
    """p <- p - lr g + sqrt(2 lr temperature) e, e standard normal, each number on its own.

    Once lr is small, p is drawn from the density proportional to exp(-objective / temperature). Where the objective is
    a mean negative log likelihood over N rows, and penalties are -1 / N times a log prior, a temperature of 1 / N gives
    the posterior; 0 is gradient descent. Average predictions of several points of a run, or take `ema` around it for
    their mean. Draws follow from seed, step and parameter.
    Source: Welling and Teh (2011), Bayesian learning via stochastic gradient Langevin dynamics, equation 4, with its
    step size as 2 lr / N.
    """

    lr: float = 0.01
    temperature: float = 0.0001
    scope: ClassVar[Scope] = "element"
    stochastic: ClassVar[bool] = True
    tuning_space: ClassVar[TuningSpace] = {
        "lr": (3e-06, 0.003),
        "source": "three decades below the default: the noise of a step is the root of its rate",
    }

    def __post_init__(self) -> None:
        checks.not_negative("sgld", lr=self.lr, temperature=self.temperature)

    def init(self, p: Array) -> State:
        """Nothing to remember."""
        return {}

    def update(self, p: Array, g: Array, state: State, h: Hyper) -> tuple[Array, State]:
        """(p - lr g + noise, {})."""
        deviation = (2 * h.lr * h.temperature) ** 0.5
        return p - h.lr * g + deviation * h.key.normal(p), state

    def golden(self) -> list[Golden]:
        """By hand, without noise: gradient descent."""
        return [({"lr": 0.1, "temperature": 0.0}, [1.0, -2.0], [[1.0, 3.0], [-2.0, 0.5]], [[0.9, -2.3], [1.1, -2.35]])]
