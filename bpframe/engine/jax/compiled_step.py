"""The compiled training step: the recursion and the update as one function of its arguments, for XLA.

Shapes: B rows of a batch out of N; x (N, ...), target (N, C), weight and mask (N,) or None; order (n,) row numbers of
an epoch; T steps of a block at most; a table (T, K) of the K numbers that settings hold at each step, a row (K,) of it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, cast, final

import jax
import jax.numpy as jnp
import numpy as np

from bpframe import tree
from bpframe.engine.group_update import GroupUpdate
from bpframe.engine.hyperparameters import Settings
from bpframe.engine.parameter_store import UpdateComponent
from bpframe.engine.setting_values import schedules_of, values_before
from bpframe.engine.step import training_step
from bpframe.engine.update import Updates
from bpframe.engine.update_measures import LOSSES, all_names
from bpframe.network.activity import Activity
from bpframe.network.backprop import CostLayer
from bpframe.network.batch_statistics import own_statistics
from bpframe.network.gradients import Batch, LossAndGradients, Recursion, weight_shares
from bpframe.network.network import Network
from bpframe.network.scheduled_parts import ScheduledParts
from bpframe.network.ties import of_source, tied
from bpframe.ops.linalg import MATMUL_TN
from bpframe.protocols import Group, Param, Periodic
from bpframe.random import HashKey
from bpframe.registry.nested import is_schedule
from bpframe.types import Array, HostArray, Params, State

SMALL = 2**21  # multiplications up to which laying out a factor anew costs less than it brings
as_it_is: Callable[[Any], Any] = jax.lax.optimization_barrier  # XLA makes these arrays and does not rewrite across
Rows = tuple[Any, Any, Any, Any]  # x, target, weight, mask of a batch
CarryStates = list[list[list[State]]]  # by group, piece, and component with a state


class Carry(NamedTuple):
    """What a step changes: parameters with buffers, and optimizer state."""

    params: Params
    states: CarryStates


@jax.jit
def duplicate(carry: Carry) -> Carry:
    """The same in arrays of its own."""
    return cast(Carry, jax.tree.map(jnp.copy, carry))


@jax.jit
def is_finite(carry: Carry) -> Any:
    """Whether all parameters are finite; where their squares are, which is soon found, they need no second look."""
    leaves = [leaf for _, leaf in tree.leaves(carry.params)]
    squares = jnp.stack([jnp.vdot(leaf, leaf) for leaf in leaves])
    return jax.lax.cond(
        jnp.isfinite(squares).all(),
        lambda: jnp.asarray(True),
        lambda: jnp.stack([jnp.isfinite(leaf).all() for leaf in leaves]).all(),
    )


@final
class TreeStore:
    """The `Store` of a compiled step: every parameter of a group is a piece."""

    def __init__(self, group: Group, params: Params, settings: Callable[[UpdateComponent], Any]) -> None:
        self.paths, self.settings, self._penalised = group.paths, settings, group.penalised
        self.params, self._known, self._ties = params, group.params, group.ties

    def __len__(self) -> int:
        return len(self.paths)

    def get(self, i: int) -> Any:
        """Parameter i."""
        return tree.at(self.params, self.paths[i])

    snapshot = get  # another value takes the place of an array, which stays as it is

    def parameters(self) -> list[Any]:
        """All of them."""
        return [tree.at(self.params, path) for path in self.paths]

    def before(self, gradients: Params, moved: bool) -> tuple[list[Any], list[Any]]:
        """(parameters, gradients), for nothing changes in place."""
        return self.parameters(), self.gradients(gradients)

    def stable_gradient(self, i: int, g: Array) -> Array:
        """The gradient itself."""
        return g

    def put(self, i: int, p: Array) -> None:
        """Another value of parameter i, in the tree of this trace."""
        self._assign(self.params, self.paths[i], p)

    def show(self, pieces: Sequence[Any], params: Params) -> None:
        """Put these values of the parameters in a tree."""
        for path, p in zip(self.paths, pieces, strict=True):
            self._assign(params, path, p)

    def _assign(self, params: Params, path: tree.Path, p: Any) -> None:
        """Put a value, and what is tied to it, in a tree."""
        tree.assign(params, path, p)
        for tie in tied(self._ties, path):
            tree.assign(params, tie.target, of_source(tie, p))

    def gradients(self, gradients: Params) -> list[Any]:
        """The gradient of each parameter."""
        return [tree.at(gradients, path) for path in self.paths]

    def mask(self, i: int, paths: Collection[tree.Path]) -> bool:
        """Whether parameter i is one of these."""
        return self.paths[i] in paths

    def param(self, i: int) -> Param | None:
        """What is known of parameter i."""
        return self._known[i]

    def reach(self, i: int) -> Any:
        """Penalties act on a whole parameter or not at all."""
        return ... if i < self._penalised else None

    def when(self, due: Any, change: Callable[..., Any], values: Any) -> Any:
        """Both are computed, one is taken."""
        return jax.tree.map(lambda new, old: jnp.where(due, new, old), change(*values), values)


@final
class RowSettings:
    """Settings of a component whose numbers stand in a row of the table, from `start` on."""

    def __init__(self, component: UpdateComponent, row: Any, start: int) -> None:
        self._settings = Settings(component, float)
        self.h, self.note, self.width = self._settings.h, self._settings.note, len(self._settings.slots)
        for k, (h, name, _) in enumerate(self._settings.slots):
            setattr(h, name, row[start + k])

    def at(self, step: Any, batch_info: Mapping[str, Any] | None = None) -> Any:
        """h with the step, and what else is known of it; the numbers are those of the row."""
        self.note(step=step + 1, **(batch_info or {}))
        return self.h


def row_settings(row: Any) -> Callable[[UpdateComponent], RowSettings]:
    """A function that gives components their settings, in the order of the table's columns."""
    start = 0

    def settings(component: UpdateComponent) -> RowSettings:
        nonlocal start
        result = RowSettings(component, row, start)
        start += result.width
        return result

    return settings


def settings_table(groups: Sequence[Group], first: int, steps: int) -> HostArray:
    """(steps, K) in float64: the numbers of every component's settings at the steps that follow `first` steps.

    Last come those of layers and loss that follow a schedule.
    """
    columns: list[list[float]] = []
    for group in groups:
        clock = list(range(first, first + steps))
        for _, component in group.components():
            for _, _, value in Settings(component, float).slots:
                columns.append([value.value(max(t, 0)) for t in clock] if is_schedule(value) else [value] * steps)
            if isinstance(component, Periodic):
                clock = [(t + 1) // component.period - 1 for t in clock]
    schedules = schedules_of(groups)
    columns += map(list, zip(*(values_before(schedules, t) for t in range(first, first + steps)), strict=True))
    return np.array(columns, dtype=np.float64).reshape(len(columns), steps).T


def any_scheduled(groups: Sequence[Group]) -> bool:
    """Whether any setting follows a schedule."""
    slots = (slot for group in groups for _, part in group.components() for slot in Settings(part, float).slots)
    return bool(schedules_of(groups)) or any(is_schedule(value) for _, _, value in slots)


def table_width(groups: Sequence[Group]) -> int:
    """K, the numbers of all settings."""
    own = sum(len(Settings(part, float).slots) for group in groups for _, part in group.components())
    return own + len(schedules_of(groups))


@final
class CompiledStep:
    """One step, written as a function of its arguments alone."""

    def __init__(self, network: Network, cost: CostLayer, groups: Sequence[Group], by_rows: bool) -> None:
        self.layers, self._groups, self._by_rows = network.layers, list(groups), by_rows
        self.parts = ScheduledParts(network.layers, cost)
        self._recursion = Recursion(network.layers, cost, groups, self.parts)
        self.width = LOSSES + len(all_names(groups))  # numbers that a step reports

    def step(self, carry: Carry, batch: Rows, key: HashKey, step: Any, row: Any) -> Any:
        """(carry, (loss, penalty, weight, measures), scores) after a batch, `step` steps made before."""
        with self.parts.holding(self._scheduled(row)):
            return self._step(carry, batch, key, step, row)

    def _step(self, carry: Carry, batch: Rows, key: HashKey, step: Any, row: Any) -> Any:
        params = _shallow_copy(carry.params)
        groups, activity = self._updates(params, row)
        for group, states in zip(groups, carry.states, strict=True):
            group.states = [list(states) for states in states]
        on = TracedOperations(self._recursion, params, _batch(batch, self._by_rows), key, activity, step)
        result = training_step(on, Updates(groups), step)
        numbers = result.loss, result.penalty + result.weight_penalty, on.batch.weight, *result.measures
        return Carry(params, [group.states for group in groups]), numbers, result.scores

    def objective(self, params: Params, batch: Rows, key: HashKey, step: Any, row: Any) -> Any:
        """(loss, penalty on activations, weight, scores, gradients, buffers of this batch alone), without an update."""
        params = _shallow_copy(params)
        rows, (_, activity) = _batch(batch, self._by_rows), self._updates(params, row)
        on = TracedOperations(self._recursion, params, rows, key, activity, step)
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

    def _updates(self, params: Params, row: Any) -> tuple[list[GroupUpdate], Activity]:
        """The updates of every group on this tree, and the penalties on activations with their settings."""
        from_row = row_settings(row)
        groups = [GroupUpdate(group, TreeStore(group, params, from_row)) for group in self._groups]
        return groups, [
            (part, settings)
            for group in groups
            if not group.group.paths
            for part, settings in zip(group.components, group.settings, strict=True)
        ]


@final
class TracedOperations:
    """The `StepOperations` of one trace: the loss is not looked at, and a choice is made on the device."""

    def __init__(
        self, recursion: Recursion, params: Params, batch: Batch, key: HashKey, activity: Activity, step: Any
    ) -> None:
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
        return jax.lax.cond(due, change, lambda values: values, values)

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
    return Batch(x, target, jnp.asarray(total, x.dtype), share, mask)


def _matmul_tn(a: Any, b: Any) -> Any:
    """a^T b; XLA's fast products on a CPU want their left factor by rows, so small ones are made as (b^T a)^T."""
    if a.size * b.shape[1] > SMALL:
        return a.T @ b
    return jax.lax.platform_dependent(
        a, b, cpu=lambda a, b: as_it_is(as_it_is(b.T) @ a).T, default=lambda a, b: a.T @ b
    )


MATMUL_TN[jnp] = _matmul_tn


def _shallow_copy(params: Params) -> Params:
    return tree.transform(params, lambda leaf: leaf)
