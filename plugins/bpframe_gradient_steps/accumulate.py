"""Gradient accumulation over several batches.  g gradient of a batch's mean loss, w the batch's weight."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from bpframe.plugin import Array, Hyper, Scope, State, checks, ops


@final
@dataclass(frozen=True)
class Accumulate:
    """g <- sum w g / sum w over `steps` batches, then one update: the same as one batch of all their rows.

    What follows it, the update rule too, runs at every steps-th batch only; w is what a batch's weighted losses are
    divided by: its rows, or the sum of their weights (`Trainer.fit`).
    Exact where the loss of a row depends on that row alone: batch norm still sees the small batches.
    """

    steps: int
    scope: ClassVar[Scope] = "element"

    def __post_init__(self) -> None:
        checks.whole("accumulate", 1, steps=self.steps)

    @property
    def period(self) -> int:
        """`steps`."""
        return self.steps

    def init(self, p: Array) -> State:
        """Nothing gathered."""
        xp = ops.namespace(p)
        return {"mean": xp.zeros_like(p), "weight": xp.zeros((), dtype=p.dtype, **ops.placement(p))}

    def transform(self, p: Array, g: Array, state: State, h: Hyper) -> tuple[Array, State]:
        """(the mean so far of this round, that and its weight)."""
        xp = ops.namespace(p)
        first, w = xp.asarray((h.step - 1) % self.steps == 0, **ops.placement(p)), h.weight
        weight = w + xp.where(first, 0.0, state["weight"])
        mean = xp.where(first, xp.zeros_like(g), state["mean"])
        mean += w / xp.where(weight > 0, weight, xp.ones_like(weight)) * (g - mean)
        return mean, {"mean": mean, "weight": weight}
