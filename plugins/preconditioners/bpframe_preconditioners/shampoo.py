"""Shampoo.  p parameters (n_1, ..., n_k), g gradient, factors (n_i, n_i)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, final

from bpframe.plugin import Array, Hyper, Scope, State, checks
from bpframe_preconditioners import factors


@final
@dataclass(frozen=True)
class Shampoo:
    """H_i <- H_i + G_i G_i^T, at first eps I;  p <- p - lr H_1^(-1/2k) ... H_k^(-1/2k) g, each H_i along its axis.

    G_i is g as a matrix whose rows run along axis i; k counts the axes that have a factor. An axis longer than
    `longest`, or of length 1, has none. Of a matrix p that is p - lr L^(-1/4) G R^(-1/4). All steps are remembered
    alike, so that steps become smaller, as adagrad's do. In float32 keep eps above 1e-6 of the largest eigenvalue.
    Source: Gupta, Koren and Singer (2018), Shampoo: preconditioned stochastic tensor optimization, algorithm 2.
    """

    lr: float = 0.1
    eps: float = 1e-3
    longest: int = 1024
    scope: ClassVar[Scope] = "array"

    def __post_init__(self) -> None:
        checks.positive("shampoo", lr=self.lr, eps=self.eps, longest=self.longest)

    def init(self, p: Array) -> State:
        """A factor for each axis."""
        return factors.initial(p, self.longest)

    def update(self, p: Array, g: Array, state: State, h: Hyper) -> tuple[Array, State]:
        """(p - lr times the preconditioned g, the factors)."""
        own = factors.axes(p.shape, self.longest)
        state = {f"factor_{axis}": state[f"factor_{axis}"] + factors.product(g, axis) for axis in own}
        step = g
        for axis in own:
            root = factors.root(state[f"factor_{axis}"], h.eps, -1 / (2 * len(own)))
            step = factors.times(root, step, axis)
        return p - h.lr * step, state

    def golden(self) -> list[tuple[Any, ...]]:
        """By hand: of two numbers along one axis, and of a matrix whose gradients are diagonal."""
        vector = ({"lr": 1.0, "eps": 1.0}, [0.0, 0.0], [[0.0, 3.0**0.5]], [[0.0, -(3.0**0.5) / 2]])
        diagonal = [[[3.0**0.5, 0.0], [0.0, 8.0**0.5]]]
        path = [[[-(3.0**0.5) / 2, 0.0], [0.0, -(8.0**0.5) / 3]]]
        return [vector, ({"lr": 1.0, "eps": 1.0}, [[0.0, 0.0], [0.0, 0.0]], diagonal, path)]
