"""Gradient accumulation over several batches.  g gradient of a batch's mean loss, w the batch's weight."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, final

from bpframe.plugin import Array, Hyper, Scope, State, checks, ops


@final
@dataclass(frozen=True)
class Accumulate:
    """g <- sum w g / sum w over `steps` batches, then one update: the same as one batch of all their rows.

    What follows it runs at every steps-th batch only: the update rule, its schedules and counts (`every` of sophia_g,
    `steps` of lookahead) run on the clock of updates (schedules of Keras count batches under
    gradient_accumulation_steps), what stands before it on that of batches, so decoupled decay belongs behind it, and a
    clip limits each batch's gradient before it, that of the update behind it. Regularizers act before every gradient
    step, so their schedules always count batches. w is what a batch's weighted losses are divided by: its rows, or the
    sum of their weights (`Trainer.fit`).
    The same but for what takes each batch for itself: layers with statistics of the batch or draws see the small
    batches, sam goes uphill along the gradient of each of them, sophia_g looks at the last one alone.
    What the end of a fit leaves gathered is kept for the next; what was gathered for a parameter is dropped when that
    parameter is set. A fit without an update is warned of.
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

    def golden(self) -> list[tuple[Any, ...]]:
        """By hand: means of pairs with equal weights."""
        return [({"steps": 2}, [0.0], [[1.0], [3.0], [5.0], [6.0]], [[1.0], [2.0], [5.0], [5.5]])]
