"""The stepper of the NumPy engine: gradients, by a traced program where there is one, and the update.

Shapes: B rows of a batch; x (B, ...), target (B, C), share (B,) or one number.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from operator import is_
from typing import Any, cast, final

import numpy as np

from bpframe.engine.flat_store import FlatStore
from bpframe.engine.group_update import GroupUpdate, refuse_other_groups
from bpframe.engine.hyperparameters import Settings
from bpframe.engine.minimize import Evaluation, Minimization
from bpframe.engine.numpy.measure_programs import MeasurePrograms
from bpframe.engine.numpy.parameter_update import ParameterUpdater
from bpframe.engine.numpy.tracing.codegen import BoundProgram
from bpframe.engine.numpy.tracing.program_cache import ProgramCache
from bpframe.engine.numpy.tracing.traced_step import TracedGradient
from bpframe.engine.rollback import Rollback
from bpframe.engine.setting_values import schedules_of, values_after, values_before
from bpframe.engine.step import StepUpdates, training_step
from bpframe.engine.update import Updates
from bpframe.engine.update_measures import all_names, sums_as_arrays
from bpframe.network.augmentation import augmented
from bpframe.network.backprop import CostLayer
from bpframe.network.batch_statistics import own_statistics
from bpframe.network.gradients import Batch, LossAndGradients, Recursion
from bpframe.network.network import Network
from bpframe.network.scheduled_parts import ScheduledParts
from bpframe.protocols import Group, Key
from bpframe.types import HostArray, Params


@final
class Stepper:
    """The `StepOperations` of NumPy on `params`, a tree with views into the vectors of its groups.

    `key` is the present step's; `rollback` learns when parameters begin to change.
    """

    batch: Batch
    value_and_gradients: Callable[[], LossAndGradients]
    _bound: BoundProgram | None = None  # what value_and_gradients runs

    def __init__(
        self,
        network: Network,
        cost: CostLayer,
        params: Params,
        groups: Sequence[Group],
        dtype: np.dtype[Any],
        key: Key,
        rollback: Rollback,
        scripts: bool,
    ) -> None:
        self.params, self._rollback = params, rollback
        self.parts = ScheduledParts(network.layers, cost, none=not schedules_of(groups))
        self._recursion_of = partial(Recursion, network.layers, cost)
        self.recursion = self._recursion_of(groups, self.parts)
        self._number, self._key, self._tracing = dtype.type, key, scripts
        self._slots: Params = {}
        self._shares: dict[int, HostArray] = {}  # by rows, where an augmentation weighs rows that had no weights
        self.flats = [FlatStore(group, params, dtype, self._slots if group.trains else {}) for group in groups]
        self.groups = [GroupUpdate(group, flat) for group, flat in zip(groups, self.flats, strict=True)]
        self._programs = ProgramCache([*(layer for _, layer in network.layers), cost.loss, cost.link])
        self._contexts = self._unmasked = self.recursion.contexts(key, params)
        self._configure(groups)
        self._new = True  # whether groups are those of the start, and made no step

    def use(self, groups: Sequence[Group], step: int) -> None:
        """Take over groups whose settings may have changed, after `step` steps."""
        refuse_other_groups(self.groups, groups)
        kept = self._new and all(map(is_, [update.group for update in self.groups], groups))
        if [each.group.trains for each in self.groups] != [group.trains for group in groups]:
            self._wake(groups)
        for update, group in zip(self.groups, groups, strict=True):
            if not kept:
                update.use(group)
            update.begin(max(step - 1, 0))
        if not kept:
            self._configure(groups)
        self._new = False

    def _wake(self, groups: Sequence[Group]) -> None:
        """From now on other groups train."""
        self._slots = {}
        for flat, group in zip(self.flats, groups, strict=True):
            flat.use_slots(self._slots if group.trains else {})
        self.recursion = self._recursion_of(groups, self.parts)
        self._contexts = self._unmasked = self.recursion.contexts(self._key, self.params)
        self.forget()

    def _configure(self, groups: Sequence[Group]) -> None:
        self.configured = groups
        self._schedules, self.measure_names = schedules_of(groups), all_names(groups)
        self._updater, self._measured = ParameterUpdater(self.groups), MeasurePrograms(groups)
        advance = self._updater.advance if self._tracing else GroupUpdate.advance
        measured = self._measured.sums if self._tracing else sums_as_arrays
        self.updates = Updates(self.groups, advance, self._key, measured)
        minimizing = self.updates.minimizing
        self._minimization = Minimization(self.updates) if minimizing else None
        self.train: Callable[[Stepper, StepUpdates, int], LossAndGradients]  # makes a step on the present batch
        self.train = Stepper.minimizing_step if minimizing else training_step
        penalties = [part for group in groups if not group.paths for part in group.regularizers]
        self._activity = [(part, Settings(part, self._number)) for part in penalties]
        augmentations = [part for group in groups for part in group.augmentations]
        self._augmentations = [(part, Settings(part, self._number)) for part in augmentations]
        looking = minimizing or self.updates.probing or self.updates.observing
        moving = self.recursion.moves_buffers(self._contexts)
        self._traceable = self._tracing and not (self._activity or self.recursion.auxiliary or moving or looking)

    def forget(self) -> None:
        """Bind every traced program anew: arrays of the data, of parameters or of states are others now."""
        self._programs.clear()
        self._updater.clear()
        self._measured.clear()

    def show(self, step: int) -> None:
        """Let scheduled settings be those with which the network predicts after `step` steps."""
        if self._schedules:
            self.parts.hold(values_after(self._schedules, step))

    def begin(self, batch: Batch, step: int) -> None:
        """Get ready for the step on a batch that follows `step` steps."""
        if self._schedules:
            self.parts.hold(values_before(self._schedules, step))
        if self._augmentations:
            batch = self._augmented(batch, step)
        self.batch, mask = batch, batch.mask
        self._contexts = self._unmasked if mask is None else [each.masked(mask) for each in self._unmasked]
        if self._traceable and (program := self._program(batch)):
            if program is not self._bound:  # mostly that of the step before
                self._bound, self.value_and_gradients = program, partial(_run, program, self._slots)
            return
        self._bound, arguments = None, (self.params, batch, self._contexts, self._activity, step, math.isfinite)
        self.value_and_gradients = partial(self.recursion.value_and_gradients, *arguments)

    def _augmented(self, batch: Batch, step: int) -> Batch:
        """The batch after augmentation, in its own arrays, to which programs are bound."""
        new = augmented(batch, self._augmentations, self._key, step)
        share = batch.share
        if new.share is not share and isinstance(share, float):
            share = self._shares.setdefault(len(new.share), np.empty_like(new.share))
        for array, value in ((batch.x, new.x), (batch.target, new.target), (share, new.share)):
            if value is not array:
                np.copyto(array, value)
        return batch._replace(share=share)

    def _program(self, batch: Batch) -> BoundProgram | None:
        """The traced program for batches like this one, if there is one or it is time for it."""
        name, owner, programs = len(batch.x), batch.x, self._programs
        if program := programs.get(name, owner):
            return program
        return programs.get_or_record(
            name, owner, TracedGradient(self.recursion, self.parts, self.params, self._slots, batch, self._key)
        )

    def minimizing_step(self, updates: StepUpdates, step: int) -> LossAndGradients:
        """A step of a rule that asks for the objective itself; what was computed at its start.

        It ends where one evaluation was made, whose statistics take the place of running ones.
        """

        def evaluate() -> Evaluation:
            result = self.value_and_gradients()
            return Evaluation(float(result.loss) + float(result.penalty), result.gradients, result)

        self.begin_update()
        minimization, moving = cast(Minimization, self._minimization), self.recursion.moves_buffers(self._contexts)
        first, there = minimization.step(step, evaluate, moving)
        first.weight_penalty = minimization.penalty
        if first.gradients is not None and moving:
            self.recursion.refresh(self.params, there.caches, self._contexts, own_statistics)
        return cast(LossAndGradients, first)

    # ------------------------------------------------------------------------------------------ of a training step

    def sampled_gradients(self, result: LossAndGradients) -> Params:
        """Gradients for targets drawn from the predictions."""
        return self.recursion.sampled_gradients(self.params, result, self._contexts, self._key.child("targets"))

    def batch_info(self, result: LossAndGradients) -> Mapping[str, Any]:
        """Loss and weight in the run's dtype."""
        return {"loss": self._number(result.loss), "weight": self._number(self.batch.weight)}

    def when(self, due: Any, change: Callable[[Any], Any], values: Any) -> Any:
        """A plain choice."""
        return change(values) if due else values

    def begin_update(self) -> None:
        """Have the step undone if it is cut off from here on."""
        self._rollback.writing = True

    def refresh(self, result: LossAndGradients) -> None:
        """Move the buffers of layers."""
        if result.caches:  # a traced step has none, nor buffers to move
            self.recursion.refresh(self.params, result.caches, self._contexts)


def _run(program: BoundProgram, slots: Params) -> LossAndGradients:
    """What a traced program gives; its gradients lie in the slots."""
    loss, scores = program()
    return LossAndGradients(loss, 0.0, scores, [], slots if math.isfinite(loss) else None)
