"""SM3, AdaGrad in little memory.  p one parameter of any shape, g gradient, m momentum; an accumulator per axis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from bpframe.plugin import Array, Hyper, Scope, State, TuningSpace, checks, ops
from bpframe_optimizers.golden_paths import Golden, golden_paths


@final
@dataclass(frozen=True)
class Sm3:
    """v = min over the axes of a + g^2;  m <- momentum m + (1 - momentum) g / sqrt(v);  p <- p - lr m.

    a holds one number a row and one a column (n + m in place of n m for weights (n, m)): the greatest v of that row or
    column so far. v bounds AdaGrad's sum of squares from above; for a vector it is that sum. 0 / sqrt(0) = 0.
    Source: Anil et al. (2019), arXiv:1901.11150, algorithm SM3-II, with the momentum of its experiments.
    """

    lr: float = 0.1
    momentum: float = 0.9
    scope: ClassVar[Scope] = "array"
    tuning_space: ClassVar[TuningSpace] = {"lr": (0.003, 3.0), "source": "three decades round the default"}

    def __post_init__(self) -> None:
        checks.not_negative("sm3", lr=self.lr)
        checks.fraction("sm3", momentum=self.momentum)

    def init(self, p: Array) -> State:
        """All 0."""
        zeros = ops.namespace(p).zeros_like(p)
        return {"m": zeros, **_along_axes(zeros)}

    def update(self, p: Array, g: Array, state: State, h: Hyper) -> tuple[Array, State]:
        """(p - lr m, {m, an accumulator for each axis})."""
        xp = ops.namespace(p)
        least = state["axis_0"]
        for k in range(1, p.ndim):
            least = xp.minimum(least, state[f"axis_{k}"])
        v = least + g * g
        u = g / xp.sqrt(xp.where(v > 0, v, xp.ones_like(v)))
        m = h.momentum * state["m"] + (1 - h.momentum) * u
        return p - h.lr * m, {"m": m, **_along_axes(v)}

    def golden(self) -> list[Golden]:
        """Paths of optax."""
        return golden_paths({"sm3": {"lr": 0.1}})


def _along_axes(v: Array) -> State:
    """The greatest v at each place of each axis, the other axes kept with length 1."""
    axes = range(v.ndim)
    largest = ops.namespace(v).max
    return {f"axis_{k}": largest(v, axis=tuple(j for j in axes if j != k), keepdims=True) for k in axes}
