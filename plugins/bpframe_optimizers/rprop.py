"""Rprop.  p parameter, g gradient, size of each element's step, direction of its last gradient; one shape."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar, final

from bpframe.plugin import Array, Hyper, Scope, State, TuningSpace, checks, ops


@final
@dataclass(frozen=True)
class Rprop:
    """p <- p - size sign(g): size grows by eta_plus while the sign of g stays, shrinks by eta_minus where it turns.

    Where it turns, the element stands still once and forgets its direction (iRprop-). lr is the size to start from;
    sizes stay within min_step_size and max_step_size. Only signs count, so noise misleads it: give it the whole data
    as one batch. The paper starts from 0.1; PyTorch's defaults are taken.
    Source: Riedmiller and Braun (1993), A direct adaptive method for faster backpropagation learning: the RPROP
    algorithm; Igel and Huesken (2000), Improving the Rprop learning algorithm, algorithm 4.
    """

    lr: float = 0.01
    eta_minus: float = 0.5
    eta_plus: float = 1.2
    min_step_size: float = 1e-6
    max_step_size: float = 50.0
    scope: ClassVar[Scope] = "element"
    whole_batch: ClassVar[bool] = True
    lr_is_a_factor: ClassVar[bool] = False
    amplifies_rounding: ClassVar[tuple[str, ...]] = ("float32",)
    tuning_space: ClassVar[TuningSpace] = {
        "lr": (0.0003, 0.3),
        "source": "three decades round the default, the first step, which adapts itself",
    }

    def __post_init__(self) -> None:
        checks.positive("rprop", lr=self.lr, eta_minus=self.eta_minus, eta_plus=self.eta_plus)
        checks.positive("rprop", min_step_size=self.min_step_size, max_step_size=self.max_step_size)

    def init(self, p: Array) -> State:
        """No direction; a size of 0 stands for lr."""
        zeros = ops.namespace(p).zeros_like
        return {"size": zeros(p), "direction": zeros(p)}

    def update(self, p: Array, g: Array, state: State, h: Hyper) -> tuple[Array, State]:
        """(p - size sign(g), {size, direction})."""
        xp = ops.namespace(p)
        direction = xp.sign(g)
        turn = direction * state["direction"]  # -1 where the sign turned, 1 where it stayed, else 0
        factor = xp.where(turn > 0, h.eta_plus, xp.where(turn < 0, h.eta_minus, xp.ones_like(p)))
        size = xp.where(state["size"] > 0, state["size"], h.lr) * factor
        size = xp.clip(size, h.min_step_size, h.max_step_size)
        direction = xp.where(turn < 0, xp.zeros_like(p), direction)
        return p - size * direction, {"size": size, "direction": direction}

    def reference(self, p: float, gradients: Iterable[float]) -> Iterator[float]:
        """iRprop- as its authors write it, for one number."""
        size, before = self.lr, 0.0
        for g in gradients:
            if before * g > 0:
                size *= self.eta_plus
            elif before * g < 0:
                size *= self.eta_minus
                g = 0.0
            size = min(max(size, self.min_step_size), self.max_step_size)
            p += size if g < 0 else -size if g > 0 else 0.0
            before = g
            yield p
