"""A gradient step followed on its own, as an engine would run it.  p and g of any shape, a list of pieces of each."""

from __future__ import annotations

from itertools import accumulate
from types import SimpleNamespace
from typing import Any, cast, final

import numpy as np

from bpframe.engine.drawing import piece_key
from bpframe.engine.hyperparameters import Settings
from bpframe.engine.optimizer_chain import ChainLink, set_totals, totals
from bpframe.protocols import Adjust, GradientStep, Param, Totals
from bpframe.protocols.traits import is_stochastic, scope_of
from bpframe.testing.laws.trajectory import KEY, PARAM, Pieces, note_step, number_type
from bpframe.types import Hyper

LR = 0.01  # of the update rule behind it


@final
class GradientStepRun:
    """A gradient step on pieces of p that stay where they are, and the sums of each of its steps."""

    def __init__(self, step: GradientStep, pieces: Pieces, given: Any = None) -> None:
        self.step, self.pieces, self.t, self.given = step, pieces, 0, given
        self.states = [step.init(p) for p in pieces]
        self.settings = Settings(step, number_type(pieces[0]))
        self.sums: list[Any] = []

    def h(self, param: Param = PARAM) -> Any:
        """h of the next step: a weight and rows of 1, and a rule with a learning rate."""
        number = number_type(self.pieces[0])
        h = self.settings.at(self.t)
        note_step(self.settings, self.pieces[0], self.t + 1)
        rule = SimpleNamespace(lr=number(LR), step=h.step)
        self.settings.note(param=param, weight=number(1), rows=1, loss=number(1), rule=rule)
        return h

    def _keyed(self, h: Hyper, i: int) -> Hyper:
        """h with the key of piece i where the step draws."""
        if is_stochastic(self.step):
            starts = [0, *accumulate(int(np.prod(p.shape)) for p in self.pieces)]
            run = PARAM.name, starts[i], starts[i + 1] - starts[i]
            h.key = piece_key(KEY.child(self.t), [run], scope_of(self.step))
        return h

    def transform(self, gradients: Pieces, param: Param = PARAM) -> Pieces:
        """What becomes of the gradients, or of p where the step changes that."""
        h = self.h(param)
        if isinstance(self.step, Totals):
            links = [ChainLink(self.step, ())]
            sums = totals(links, h, zip(self.pieces, gradients, self.states, strict=True))
            self.sums.append(sums[0])
            set_totals(links, h, sums if self.given is None else [self.given[self.t]])
        arguments = enumerate(zip(self.pieces, gradients, self.states, strict=True))
        results: list[Any] = [self.step.transform(p, g, state, self._keyed(h, i)) for i, (p, g, state) in arguments]
        self.states = [state for _, state in results]
        if isinstance(self.step, Adjust):
            self.pieces = cast(Pieces, [self.step.adjust(p, h) for p in self.pieces])
        self.t += 1
        return [g for g, _ in results]
