"""SOAP.  p parameters (n_1, ..., n_k), g gradient, factors (n_i, n_i), moments of p's shape."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, final

from bpframe.plugin import Array, Hyper, Scope, State, checks, ops
from bpframe_preconditioners import factors

LEAST = 1e-5  # of the largest eigenvalue: below it, rounding decides where an eigenvector points


@final
@dataclass(frozen=True)
class Soap:
    """Adam in the eigenvectors Q of Shampoo's factors: with g' = Q^T g, m <- beta1 m + (1 - beta1) g and m' = Q^T m

    v <- beta2 v + (1 - beta2) g'^2;  p <- p - lr Q (m' / (1 - beta1^s) / (sqrt(v / (1 - beta2^s)) + eps)),  s = t - 1.

    H_i <- shampoo_beta H_i + (1 - shampoo_beta) G_i G_i^T afterwards, where G_i is g as a matrix whose rows run along
    axis i: Q is from the gradients before. So the first step t = 1 makes a basis and moves nothing, as in the authors'
    code. An axis longer than `longest`, or of length 1, keeps its own coordinates. Directions in which no gradient has
    been, eigenvalues below 1e-5 of the largest, are left alone. The authors refresh Q every ten steps, by one step of
    an iteration; here it is exact at each.
    Source: Vyas et al. (2024), SOAP: improving and stabilizing Shampoo using Adam, arXiv:2409.11321, algorithm 3.
    """

    lr: float = 0.003
    beta1: float = 0.95
    beta2: float = 0.95
    shampoo_beta: float = 0.95
    eps: float = 1e-8
    longest: int = 1024
    scope: ClassVar[Scope] = "array"

    def __post_init__(self) -> None:
        checks.positive("soap", lr=self.lr, eps=self.eps, longest=self.longest)
        checks.fraction("soap", beta1=self.beta1, beta2=self.beta2, shampoo_beta=self.shampoo_beta)

    def init(self, p: Array) -> State:
        """Moments of 0, and a factor for each axis."""
        zeros = ops.namespace(p).zeros_like(p)
        return {"m": zeros, "v": zeros, **factors.initial(p, self.longest)}

    def update(self, p: Array, g: Array, state: State, h: Hyper) -> tuple[Array, State]:
        """(p after the step, the moments and factors)."""
        xp, own = ops.namespace(p), factors.axes(p.shape, self.longest)
        back = {axis: factors.basis(state[f"factor_{axis}"], LEAST) for axis in own}
        forth = {axis: q.T for axis, q in back.items()}
        late = h.step - 1 + (h.step == 1)  # 1 at the first step, where all of the step is 0
        counted = g * (h.step > 1)
        m = h.beta1 * state["m"] + (1 - h.beta1) * counted
        turned = _turned(counted, forth)
        v = h.beta2 * state["v"] + (1 - h.beta2) * turned * turned
        step = _turned(m, forth) / (1 - h.beta1**late) / (xp.sqrt(v / (1 - h.beta2**late)) + h.eps)
        kept = {axis: h.shampoo_beta * state[f"factor_{axis}"] for axis in own}
        gained = {axis: (1 - h.shampoo_beta) * factors.product(g, axis) for axis in own}
        new: State = {"m": m, "v": v, **{f"factor_{axis}": kept[axis] + gained[axis] for axis in own}}
        return p - h.lr * _turned(step, back), new

    def restart(self, p: Array, state: State) -> State:
        """The state as it is: moments and factors know gradients alone."""
        return state

    def golden(self) -> list[tuple[Any, ...]]:
        """By hand: of diagonal gradients the axes are the eigenvectors, where Adam's first step is lr sign(g)."""
        arguments = {"lr": 0.5, "eps": 1e-30}
        start, gradient = [[1.0, 0.0], [0.0, 1.0]], [[2.0, 0.0], [0.0, -1.0]]
        return [(arguments, start, [gradient, gradient], [start, [[0.5, 0.0], [0.0, 1.5]]])]


def _turned(g: Array, matrices: Mapping[int, Array]) -> Array:
    for axis, m in matrices.items():
        g = factors.times(m, g, axis)
    return g
