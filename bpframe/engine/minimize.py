"""A step of an optimizer that minimizes the objective itself, on one vector of all trained parameters."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple, cast, final

import numpy as np

from bpframe.engine.flat_store import FlatStore
from bpframe.engine.group_update import GroupUpdate
from bpframe.engine.update import Updates
from bpframe.protocols import Minimizer
from bpframe.types import HostArray, Params


class Evaluation(NamedTuple):
    """The value without penalties on weights and the gradients, None where it is not finite, at the present parameters.

    `result`: what else was computed, for the engine.
    """

    value: float
    gradients: Params | None
    result: Any


@final
class Minimization:
    """Groups that one minimizer moves together; the first group keeps its state."""

    def __init__(self, updates: Updates) -> None:
        self.groups, self._advance = updates.groups, updates.advance
        self.penalty = 0.0  # of the weights, at the start of the latest step
        if not self.groups[0].states[0]:
            self.groups[0].states = [[self._rule.init(self._gathered())]]

    def step(self, step: int, evaluate: Callable[[], Evaluation], revisit: bool) -> tuple[Any, Any]:
        """Move the parameters once; the results of the evaluation at the start, and of one where they are now.

        `revisit`: whether that is made anew, if it was neither the first nor the last of the rule's; else None may
        stand for it.
        """
        p, first = self._gathered(), self.groups[0]
        for group in self.groups:
            group.begin(step)
        start: list[tuple[HostArray, Any]] = []
        last: list[tuple[HostArray, Any]] = []

        def objective(at: HostArray) -> tuple[float, HostArray]:
            self._move(at)
            value, gradients, result = evaluate()
            penalty = math.inf if gradients is None else self._slopes(gradients)
            last[:] = [(np.array(at), result)]
            if not start:
                start[:], self.penalty = last, penalty
            if gradients is None:
                return math.inf, np.zeros_like(at)
            return value + penalty, np.concatenate([group.g[0] for group in self.groups], dtype=np.float64)

        new, state = self._rule.update(p, objective, first.states[0][-1], first.settings[first.rule].h)
        finite = math.isfinite(self.penalty)  # at the start
        self._move(new if finite else p)
        first.states = [[state]] if finite else first.states
        there = next((result for at, result in (*last, *start) if np.array_equal(at, new)), None)
        if there is None and finite and revisit:
            there = evaluate().result
        return start[0][1], there

    @property
    def _rule(self) -> Minimizer:
        return cast(Minimizer, self.groups[0].group.rule)

    def _gathered(self) -> HostArray:
        return np.concatenate([_flat(group).p for group in self.groups], dtype=np.float64)

    def _move(self, p: HostArray) -> None:
        start = 0
        for group in self.groups:
            vector = _flat(group).p
            vector[...] = p[start : start + len(vector)]
            start += len(vector)

    def _slopes(self, gradients: Params) -> float:
        """The gradient of each group with that of its penalties; the sum of the penalties."""
        penalty = 0.0
        for group in self.groups:
            group.take(gradients)
            penalty += float(self._advance(group, 0, group.first))
        return penalty


def _flat(group: GroupUpdate) -> FlatStore:
    return cast(FlatStore, group.store)
