"""A training step as XLA sees it: the recursion and the update on arrays that are all arguments.

Shapes: B rows of a batch out of N; x (N, ...), target (N, C), weight (N,) or None; order (n,) row numbers of an epoch;
T steps of a block at most; a table (T, K) of the K numbers that settings hold at each step, of which a row (K,).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, cast, final

import jax
import jax.numpy as jnp
import numpy as np

from bpframe import tree
from bpframe.engine.hyperparameters import Settings
from bpframe.engine.update import GroupUpdate, Updates
from bpframe.network.backprop import CostLayer
from bpframe.network.gradients import Batch, Pass, Recursion
from bpframe.network.network import Network
from bpframe.ops.linalg import MATMUL_TN
from bpframe.protocols import Group, Param, Periodic
from bpframe.random import HashKey
from bpframe.registry.nested import is_schedule
from bpframe.types import HostArray, Params, State

SMALL = 2**21  # multiplications up to which laying out a factor anew costs less than it brings
as_it_is: Callable[[Any], Any] = jax.lax.optimization_barrier  # XLA makes these arrays and does not rewrite across
States = list[list[list[State]]]  # by group, piece, and component that remembers


class Carry(NamedTuple):
    """What a step changes: parameters with buffers, and what rules remember."""

    params: Params
    states: States


@jax.jit
def duplicate(carry: Carry) -> Carry:
    """The same in arrays of its own."""
    return cast(Carry, jax.tree.map(jnp.copy, carry))


@jax.jit
def all_finite(carry: Carry) -> Any:
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

    def __init__(self, group: Group, params: Params, settings: Callable[[Any], Any]) -> None:
        self.paths, self.settings, self._penalised = group.paths, settings, group.penalised
        self._params, self._known = group.params, params

    def __len__(self) -> int:
        return len(self.paths)

    def get(self, i: int) -> Any:
        """Parameter i."""
        return tree.at(self._known, self.paths[i])

    own = get  # another value takes the place of an array, which stays as it is

    def put(self, i: int, p: Any) -> None:
        """Another value of parameter i, in the tree of this trace."""
        tree.assign(self._known, self.paths[i], p)

    def gradients(self, gradients: Params) -> list[Any]:
        """The gradient of each parameter."""
        return [tree.at(gradients, path) for path in self.paths]

    def param(self, i: int) -> Param | None:
        """What is known of parameter i."""
        return self._params[i]

    def reach(self, i: int) -> Any:
        """Penalties act on a whole parameter or not at all."""
        return ... if i < self._penalised else None

    def when(self, due: Any, change: Callable[..., Any], values: Any) -> Any:
        """Both are computed, one is taken."""
        return jax.tree.map(lambda new, old: jnp.where(due, new, old), change(*values), values)


@final
class Row:
    """Settings of a component whose numbers stand in a row of the table, from `start` on."""

    def __init__(self, component: Any, row: Any, start: int) -> None:
        self._settings = Settings(component, float)
        self.h, self.note = self._settings.h, self._settings.note
        for k, (h, name, _) in enumerate(self._settings.slots):
            setattr(h, name, row[start + k])

    def at(self, step: Any, known: Mapping[str, Any] | None = None) -> Any:
        """h with the step, and what else is known of it; the numbers are those of the row."""
        self.note(step=step + 1, **(known or {}))
        return self.h


class Rows:
    """Hands out the settings of one step to its components, in the order of the table's columns."""

    def __init__(self, row: Any) -> None:
        self._row, self._next = row, 0

    def __call__(self, component: Any) -> Row:
        """The settings of the next component."""
        made = Row(component, self._row, self._next)
        self._next += len(Settings(component, float).slots)
        return made


def table(groups: Sequence[Group], first: int, steps: int) -> HostArray:
    """(steps, K) in float64: the numbers of every component's settings at the steps that follow `first` steps."""
    columns: list[list[float]] = []
    for group in groups:
        clock = list(range(first, first + steps))
        for component in components(group):
            for _, _, value in Settings(component, float).slots:
                columns.append([value.value(max(t, 0)) for t in clock] if is_schedule(value) else [value] * steps)
            if isinstance(component, Periodic):
                clock = [(t + 1) // component.period - 1 for t in clock]
    return np.array(columns, dtype=np.float64).reshape(len(columns), steps).T


def moving(groups: Sequence[Group]) -> bool:
    """Whether any setting follows a schedule."""
    slots = (slot for group in groups for part in components(group) for slot in Settings(part, float).slots)
    return any(is_schedule(value) for _, _, value in slots)


def width(groups: Sequence[Group]) -> int:
    """K, the numbers of all settings."""
    return sum(len(Settings(part, float).slots) for group in groups for part in components(group))


def components(group: Group) -> list[Any]:
    """The components of a group in the order in which they act."""
    rule = [group.rule] if group.rule else []
    return [*group.regularizers, *group.gradient_steps, *rule, *group.constraints]


@final
class Program:
    """One step, written as a function of its arguments alone."""

    def __init__(self, network: Network, cost: CostLayer, groups: Sequence[Group]) -> None:
        self.layers, self._groups, self._recursion = network.layers, list(groups), Recursion(network, cost, groups)

    def initial(self, params: Params, row: Any) -> States:
        """What rules remember before the first step."""
        return [group.states for group in self._updates(_copied(params), row)[0]]

    def step(self, carry: Carry, batch: tuple[Any, Any, Any], key: HashKey, step: Any, row: Any) -> Any:
        """(carry, (loss, penalty, weight), scores) after a batch (x, target, w), `step` steps made before."""
        params = _copied(carry.params)
        groups, activity = self._updates(params, row)
        for group, states in zip(groups, carry.states, strict=True):
            group.states = [list(states) for states in states]
        updates, contexts, rows = Updates(groups), self._recursion.contexts(key), _batch(*batch)
        passed = partial(self._recursion.passed, params, rows, contexts, activity, step)
        made = passed()
        known = {"loss": made.loss, "weight": rows.weight}
        if updates.observing:
            self._observe(updates, params, made, contexts, key.child("targets"), step)
        gradients = cast(Params, made.gradients)
        if updates.probing:
            went = updates.probe(gradients, step, known)
            gradients = cast(Params, passed().gradients)
            for store, before in went:
                for k, p in enumerate(before):
                    store.put(k, p)
        penalty = made.penalty + updates.update(gradients, step, known)
        after = Carry(self._recursion.refreshed(params, made.caches), [group.states for group in groups])
        return after, (made.loss, penalty, rows.weight), made.scores

    def objective(self, params: Params, batch: tuple[Any, Any, Any], key: HashKey, step: Any, row: Any) -> Any:
        """(loss, penalty on activations, weight, scores, gradients, new buffers), without an update."""
        rows, activity = _batch(*batch), self._updates(_copied(params), row)[1]
        made = self._recursion.passed(params, rows, self._recursion.contexts(key), activity, step)
        buffers: Params = {}
        for path, leaf in tree.leaves(self._recursion.refreshed(_copied(params), made.caches)):
            if "buffers" in path:
                tree.assign(buffers, path, leaf)
        return made.loss, made.penalty, rows.weight, made.scores, made.gradients, buffers

    def _observe(self, updates: Updates, params: Params, made: Pass, contexts: Any, key: HashKey, step: Any) -> None:
        scores, caches = made.scores, made.caches

        def look(states: Any) -> Any:
            gradients = self._recursion.sampled(params, scores, caches, contexts, key)
            for group, own in zip(updates.observing, states, strict=True):
                group.states = own
            updates.observe(gradients, step, len(scores))
            return [group.states for group in updates.observing]

        before = [group.states for group in updates.observing]
        after = jax.lax.cond(updates.observes(step), look, lambda states: states, before)
        for group, states in zip(updates.observing, after, strict=True):
            group.states = states

    def _updates(self, params: Params, row: Any) -> tuple[list[GroupUpdate], list[tuple[Any, Row]]]:
        """The updates of every group on this tree, and the penalties on activations with their settings."""
        rows = Rows(row)
        groups = [GroupUpdate(group, TreeStore(group, params, rows)) for group in self._groups]
        return groups, [
            (part, settings)
            for group in groups
            if not group.group.paths
            for part, settings in zip(group.components, group.settings, strict=True)
        ]


def _batch(x: Any, target: Any, w: Any) -> Batch:
    """The rows, with the sum of their weights and each row's share of it."""
    if w is None:
        return Batch(x, target, jnp.asarray(float(len(x)), x.dtype), 1.0 / len(x))
    total = jnp.sum(w)
    return Batch(x, target, total, jnp.where(total > 0, w / jnp.where(total > 0, total, 1), w))


def _matmul_tn(a: Any, b: Any) -> Any:
    """a^T b; XLA's fast products on a CPU want their left factor by rows, so small ones are made as (b^T a)^T."""
    if a.size * b.shape[1] > SMALL:
        return a.T @ b
    return jax.lax.platform_dependent(
        a, b, cpu=lambda a, b: as_it_is(as_it_is(b.T) @ a).T, default=lambda a, b: a.T @ b
    )


MATMUL_TN[jnp] = _matmul_tn


def _copied(params: Params) -> Params:
    return tree.transform(params, lambda leaf: leaf)
