"""A step of an optimizer that minimizes the objective itself, on one vector of all trained parameters."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import cast, final

import numpy as np

from bpframe.engine.flat_store import FlatStore
from bpframe.engine.group_update import GroupUpdate
from bpframe.engine.update import Updates
from bpframe.protocols import Minimizer
from bpframe.types import HostArray, Params

ValueAndGradients = Callable[
    [], tuple[float, Params | None]
]  # (value without penalties on weights, gradients) at present


@final
class Minimization:
    """Groups that one minimizer moves together; the first group keeps its state."""

    def __init__(self, updates: Updates) -> None:
        self.groups, self._advance = updates.groups, updates.advance
        self.penalty = 0.0  # of the weights, at the start of the latest step
        if not self.groups[0].states[0]:
            self.groups[0].states = [[self._rule.init(self._gathered())]]

    def step(self, step: int, value_and_gradients: ValueAndGradients) -> None:
        """Move the parameters once; `value_and_gradients()` is of the present ones."""
        p, first = self._gathered(), self.groups[0]
        for group in self.groups:
            group.begin(step)
        penalties: list[float] = []

        def objective(at: HostArray) -> tuple[float, HostArray]:
            self._move(at)
            value, gradients = value_and_gradients()
            penalties.append(math.inf if gradients is None else self._slopes(gradients))
            if gradients is None:
                return math.inf, np.zeros_like(at)
            return value + penalties[-1], np.concatenate([group.g[0] for group in self.groups], dtype=np.float64)

        new, state = self._rule.update(p, objective, first.states[0][-1], first.settings[first.rule].h)
        self.penalty = penalties[0]
        finite = math.isfinite(self.penalty)  # at the start
        self._move(new if finite else p)
        first.states = [[state]] if finite else first.states

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
