"""One training step in NumPy: the recursion on a batch, and the update that follows from its gradients.

Shapes: B rows of a batch; x (B, ...), target (B, C), share (B,) or one number.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, cast, final

import numpy as np

from bpframe.engine.flat_store import Flat
from bpframe.engine.hyperparameters import Settings
from bpframe.engine.minimize import Minimization
from bpframe.engine.numpy.parameter_update import ParameterUpdater
from bpframe.engine.numpy.tracing.codegen import BoundProgram
from bpframe.engine.numpy.tracing.program_cache import ProgramCache
from bpframe.engine.numpy.tracing.traced_step import TracedGradient
from bpframe.engine.update import GroupUpdate, Updates
from bpframe.network.backprop import CostLayer
from bpframe.network.gradients import Batch, Pass, Recursion
from bpframe.network.network import Network
from bpframe.protocols import Group, Key
from bpframe.types import Params


@final
class Stepper:
    """Makes steps on `params`, a tree with views into the vectors of its groups; `key` is the present step's.

    `writing`: whether the parameters may be between two steps; whoever keeps count takes it back once a step is noted.
    """

    def __init__(
        self,
        network: Network,
        cost: CostLayer,
        params: Params,
        groups: Sequence[Group],
        dtype: np.dtype[Any],
        key: Key,
        scripts: bool,
    ) -> None:
        self.params, self.writing = params, False
        self._recursion = Recursion(network, cost, groups)
        self._number, self._key, self._scripted = dtype.type, key, scripts
        self._slots: Params = {}
        self.flats = [Flat(group, params, dtype, self._slots if group.rule else {}) for group in groups]
        self.groups = [GroupUpdate(group, flat) for group, flat in zip(groups, self.flats, strict=True)]
        self._passes = ProgramCache([*(layer for _, layer in network.layers), cost.loss, cost.link])
        self._contexts = self._recursion.contexts(key)
        self._take_over(groups)

    def use(self, groups: Sequence[Group], step: int) -> None:
        """Take over groups whose settings may have changed, after `step` steps."""
        for update, group in zip(self.groups, groups, strict=True):
            update.use(group)
            update.begin(max(step - 1, 0))
        self._take_over(groups)

    def _take_over(self, groups: Sequence[Group]) -> None:
        self._moves = ParameterUpdater(self.groups)
        self.updates = Updates(self.groups, self._moves.advance if self._scripted else GroupUpdate.advance)
        self._minimization = Minimization(self.updates) if self.updates.minimizing else None
        penalties = [part for group in groups if not group.paths for part in group.regularizers]
        self._activity = [(part, Settings(part, self._number)) for part in penalties]
        looking = self.updates.minimizing or self.updates.probing or self.updates.observing
        self._writable = self._scripted and not (self._activity or self._recursion.refreshing or looking)

    def forget(self) -> None:
        """Write down nothing that was: arrays of the data, of parameters or of states are others now."""
        self._passes.clear()
        self._moves.clear()

    def step(self, batch: Batch, step: int) -> Pass:
        """The step that follows `step` steps; a loss that is not finite updates nothing."""
        made = self._minimized(batch, step) if self._minimization else self._updated(batch, step)
        if made.gradients is None:
            self.writing = False
            return made
        self._recursion.refreshed(self.params, made.caches)
        return made

    def _pass(self, batch: Batch, step: int) -> Pass:
        """The recursion on a batch, at the present parameters."""
        if self._writable and (script := self._script(batch)):
            loss, scores = script()
            return Pass(float(loss), 0.0, scores, [], self._slots if math.isfinite(loss) else None)
        made = self._recursion.passed(self.params, batch, self._contexts, self._activity, step, math.isfinite)
        made.loss, made.penalty = float(made.loss), float(made.penalty)
        return made

    def _script(self, batch: Batch) -> BoundProgram | None:
        """The script of a pass over a batch like this one, if there is one or it is time for it."""
        name, of, passes = len(batch.x), batch.x, self._passes
        if script := passes.get(name, of):
            return script
        return passes.get_or_record(
            name, of, TracedGradient(self._recursion, self.params, self._slots, batch, self._key)
        )

    def _updated(self, batch: Batch, step: int) -> Pass:
        """A pass, and the update that follows from its gradients, or from those where the rule wants them taken."""
        made, updates = self._pass(batch, step), self.updates
        if made.gradients is None:
            return made
        known = {"loss": self._number(made.loss), "weight": self._number(batch.weight)}
        if updates.observing and updates.observes(step):
            self._observe(batch, made, step)
        gradients: Params | None = made.gradients
        self.writing = True
        if updates.probing:
            went = updates.probe(made.gradients, step, known)
            gradients = self._pass(batch, step).gradients
            for store, before in went:
                for i, p in enumerate(before):
                    store.put(i, p)
        if gradients is None:
            made.loss, made.gradients = math.nan, None
            return made
        made.penalty += float(updates.update(gradients, step, known))
        return made

    def _observe(self, batch: Batch, made: Pass, step: int) -> None:
        """Show the rules that look the gradient for targets drawn from the predictions themselves."""
        key = self._key.child("targets")
        gradients = self._recursion.sampled(self.params, made.scores, made.caches, self._contexts, key)
        self.writing = True
        self.updates.observe(gradients, step, len(batch.x))

    def _minimized(self, batch: Batch, step: int) -> Pass:
        """A step of a rule that asks for the objective itself; the pass it began with."""
        passes: list[Pass] = []

        def passed() -> tuple[float, Params | None]:
            passes.append(self._pass(batch, step))
            return passes[-1].loss + passes[-1].penalty, passes[-1].gradients

        self.writing = True
        task = cast(Minimization, self._minimization)
        task.step(step, passed)
        passes[0].penalty += task.penalty
        return passes[0]
