"""Gaussian noise on gradients.  g gradient, e noise; one shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, final

from bpframe.plugin import Array, Hyper, Scope, State, checks


@final
@dataclass(frozen=True)
class GaussianNoise:
    """g <- g + stddev e, e standard normal, each number on its own; draws follow from seed, step and parameter.

    Its authors let it fade, stddev^2 = eta / (1 + t)^0.55 with eta from 0.01 to 1: a schedule, such as inverse_time.
    Source: Neelakantan et al. (2015), Adding gradient noise improves learning for very deep networks, arXiv:1511.06807.
    """

    stddev: float = 0.01
    scope: ClassVar[Scope] = "element"
    stochastic: ClassVar[bool] = True

    def __post_init__(self) -> None:
        checks.not_negative("gaussian_noise", stddev=self.stddev)

    def init(self, p: Array) -> State:
        """Nothing to remember."""
        return {}

    def transform(self, p: Array, g: Array, state: State, h: Hyper) -> tuple[Array, State]:
        """(g with noise, {})."""
        return g + h.stddev * h.key.normal(g), state

    def golden(self) -> list[tuple[Any, ...]]:
        """Without noise the gradient itself."""
        return [({"stddev": 0.0}, [1.0, 2.0], [[3.0, -4.0], [0.5, 0.0]], [[3.0, -4.0], [0.5, 0.0]])]
