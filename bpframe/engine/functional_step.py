"""The functional step: recursion and update as one function of its arguments, for engines and forms that trace it.

Shapes: B rows of a batch; x (B, ...), target (B, C), weight and mask (B,) or None; a row (K,) of the settings table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial, reduce
from typing import Any, NamedTuple, final

from bpframe import ops, tree
from bpframe.engine.group_update import GroupUpdate
from bpframe.engine.rule_queries import later_evaluation_params
from bpframe.engine.settings_table import row_settings
from bpframe.engine.step import training_step
from bpframe.engine.tree_store import TreeStore, changed_if
from bpframe.engine.update import Updates
from bpframe.engine.update_measures import LOSSES, all_names, periods_of
from bpframe.network.activity import Activity
from bpframe.network.augmentation import Augmentations, augmented
from bpframe.network.backprop import CostLayer
from bpframe.network.batch_statistics import own_statistics
from bpframe.network.gradients import Batch, LossAndGradients, Recursion, weight_shares
from bpframe.network.network import Network
from bpframe.network.scheduled_parts import ScheduledParts
from bpframe.protocols import Group
from bpframe.random import HashKey
from bpframe.types import Params, State

Rows = tuple[Any, Any, Any, Any]  # x, target, weight, mask of a batch
CarryStates = list[list[list[State]]]  # by group, piece, and component with a state
Branch = Callable[[Any, Callable[[Any], Any], Any], Any]  # (due, change, values): change(values) or the values


class Carry(NamedTuple):
    """What a step changes: parameters with buffers, and optimizer state."""

    params: Params
    states: CarryStates


def both(due: Any, change: Callable[[Any], Any], values: Any) -> Any:
    """change(values) where `due` holds, else the values; both are computed."""
    return changed_if(due, lambda: change(_apart(values)), values)


def _apart(values: Any) -> Any:
    """The same in lists of its own, which a change may write to."""
    return [_apart(value) for value in values] if isinstance(values, list) else values


@final
class FunctionalStep:
    """One step, written as a function of its arguments alone.

    measured, unmeasured: the same for updates of which some, or none, are measured; unmeasured is None where all
    updates are alike.
    """

    measured: FunctionalStep
    unmeasured: FunctionalStep | None

    def __init__(
        self,
        network: Network,
        cost: CostLayer,
        groups: Sequence[Group],
        by_rows: bool,
        branch: Branch = both,
        due: bool = False,
    ) -> None:
        """`due`: the step is made only where all that measures looks."""
        self.layers, self._groups, self._by_rows, self._branch = network.layers, list(groups), by_rows, branch
        self.parts = ScheduledParts(network.layers, cost)
        self._recursion = Recursion(network.layers, cost, groups, self.parts)
        self.width = LOSSES + len(all_names(groups))  # numbers that a step reports
        self._due, self._periods = due, periods_of(groups)
        self.measured, self.unmeasured = self, None
        if not due and min(self._periods, default=1) > 1:
            plain = [replace(group, measures=()) for group in groups]
            self.unmeasured = FunctionalStep(network, cost, plain, by_rows, branch)
            if len(set(self._periods)) == 1:
                self.measured = FunctionalStep(network, cost, groups, by_rows, branch, due=True)

    def next_measured(self, step: Any) -> Any:
        """The first step from `step` on, counted from 0, at which something measures its update."""
        return reduce(ops.namespace(step).minimum, [-(-step // period) * period for period in self._periods])

    def step(self, carry: Carry, batch: Rows, key: HashKey, step: Any, row: Any) -> Any:
        """(carry, (loss, penalty, weight, measures), scores) after a batch, `step` steps made before."""
        with self.parts.holding(self._scheduled(row)):
            return self._step(carry, batch, key, step, row)

    def _step(self, carry: Carry, batch: Rows, key: HashKey, step: Any, row: Any) -> Any:
        params = _shallow_copy(carry.params)
        groups, activity, augmentations = self._updates(params, row)
        for group, states in zip(groups, carry.states, strict=True):
            group.states = [list(states) for states in states]
        rows = augmented(_batch(batch, self._by_rows), augmentations, key, step)
        on = TracedOperations(self._recursion, params, rows, key, activity, step, self._branch)
        updates = Updates(groups, key=key)
        if updates.measures:
            updates.measures.always = self._due
        result = training_step(on, updates, step)
        numbers = result.loss, result.penalty + result.weight_penalty, on.batch.weight, *result.measures
        return Carry(params, [group.states for group in groups]), numbers, result.scores

    def predicting(self, carry: Carry, step: Any, row: Any) -> Params:
        """The parameters to predict with after `step` steps, at least one; `row` is that of the latest."""
        groups, *_ = self._updates(carry.params, row)
        for group, states in zip(groups, carry.states, strict=True):
            group.states = [list(states) for states in states]
        return later_evaluation_params(groups, carry.params, step)

    def objective(self, params: Params, batch: Rows, key: HashKey, step: Any, row: Any) -> Any:
        """(loss, penalty on activations, weight, scores, gradients, buffers of this batch alone), without an update."""
        params = _shallow_copy(params)
        _, activity, augmentations = self._updates(params, row)
        rows = augmented(_batch(batch, self._by_rows), augmentations, key, step)
        on = TracedOperations(self._recursion, params, rows, key, activity, step, self._branch)
        with self.parts.holding(self._scheduled(row)):
            result = on.value_and_gradients()
            on.settle(result)
        buffers: Params = {}
        for path, leaf in tree.leaves(params):
            if "buffers" in path:
                tree.assign(buffers, path, leaf)
        return result.loss, result.penalty, on.batch.weight, result.scores, result.gradients, buffers

    def _scheduled(self, row: Any) -> list[Any]:
        """The numbers of scheduled settings of layers and loss, the last of a row."""
        count = len(self.parts.settings)
        return [row[len(row) - count + k] for k in range(count)]

    def _updates(self, params: Params, row: Any) -> tuple[list[GroupUpdate], Activity, Augmentations]:
        """The updates of every group on this tree; with their settings penalties on activations, and augmentations."""
        from_row = row_settings(row)
        groups = [GroupUpdate(group, TreeStore(group, params, from_row)) for group in self._groups]
        beside = [
            (kind, part, settings)
            for group in groups
            if not group.group.paths
            for (kind, part), settings in zip(group.group.components(), group.settings, strict=True)
        ]
        activity, augmentations = (
            [(part, settings) for own, part, settings in beside if own == kind]
            for kind in ("regularizer", "augmentation")
        )
        return groups, activity, augmentations


@final
class TracedOperations:
    """The `StepOperations` of one trace: the loss is not looked at, and a choice is made on the device."""

    def __init__(
        self,
        recursion: Recursion,
        params: Params,
        batch: Batch,
        key: HashKey,
        activity: Activity,
        step: Any,
        branch: Branch,
    ) -> None:
        self._branch = branch
        self._recursion, self._params, self.batch, self._key = recursion, params, batch, key
        self._contexts = recursion.contexts(key, params, batch.mask)
        self.value_and_gradients = partial(recursion.value_and_gradients, params, batch, self._contexts, activity, step)

    def sampled_gradients(self, result: LossAndGradients) -> Params:
        """Gradients for targets drawn from the predictions."""
        return self._recursion.sampled_gradients(self._params, result, self._contexts, self._key.child("targets"))

    def batch_info(self, result: LossAndGradients) -> Mapping[str, Any]:
        """Loss and weight as they are."""
        return {"loss": result.loss, "weight": self.batch.weight}

    def when(self, due: Any, change: Callable[[Any], Any], values: Any) -> Any:
        """A choice on the device."""
        return self._branch(due, change, values)

    def begin_update(self) -> None:
        """Nothing changes in place."""

    def refresh(self, result: LossAndGradients) -> None:
        """Put new buffers in the tree of this trace."""
        self._recursion.refresh(self._params, result.caches, self._contexts)

    def settle(self, result: LossAndGradients) -> None:
        """Put the statistics of this batch alone in the place of running ones, in the tree of this trace."""
        self._recursion.refresh(self._params, result.caches, self._contexts, own_statistics)


def _batch(rows: Rows, by_rows: bool) -> Batch:
    """The rows, with what their losses are divided by and each row's share of it."""
    x, target, w, mask = rows
    total, share = weight_shares(len(x), w, by_rows)
    return Batch(x, target, ops.namespace(x).asarray(total, dtype=x.dtype), share, mask)


def _shallow_copy(params: Params) -> Params:
    return tree.transform(params, lambda leaf: leaf)
