"""The parts of a step that can be written down: the pass over a batch, and what happens to a piece of the parameters.

Shapes: B rows of a batch; x (B, ...), target (B, C), share (B,) or one number.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import reduce
from types import SimpleNamespace
from typing import Any, final

import numpy as np

from bpframe import tree
from bpframe.engine.group_update import GroupUpdate
from bpframe.engine.hyperparameters import Settings
from bpframe.engine.numpy.tracing.codegen import layout
from bpframe.engine.numpy.tracing.recording import Draft
from bpframe.engine.numpy.tracing.tracer import Kind, Unwritable
from bpframe.network.gradients import Batch, Recursion
from bpframe.ops import aligned
from bpframe.protocols import Key
from bpframe.types import Array, HostArray, Params, State


@final
@dataclass(frozen=True)
class PassPart:
    """Forward, cost and backward down to layer number `lowest`: loss and scores; gradients are left in the slots.

    `draws`: the key of the present step.
    """

    recursion: Recursion
    params: Params
    slots: Params
    batch: Batch
    draws: Key

    def key(self) -> Hashable:
        """Layers and cost, shapes and types."""
        shapes = tuple((path, layout(leaf)) for path, leaf in tree.leaves(self.params))
        slots = tuple(path for path, _ in tree.leaves(self.slots))
        rows = layout(self.batch.x), layout(self.batch.target), isinstance(self.batch.share, float)
        return self.recursion.layers, self.recursion.cost, self.recursion.lowest, shapes, slots, rows

    def settle(self) -> None:
        """They lie well: `HostBatches` and `FlatStore` have made them."""

    def given(self) -> Sequence[Any]:
        """Rows, parameters, slots."""
        rows = [part for part in (self.batch.x, self.batch.target, self.batch.share) if not isinstance(part, float)]
        leaves = [leaf for branch in (self.params, self.slots) for _, leaf in tree.leaves(branch)]
        return [*rows, *leaves, self.draws]

    def write(self, draft: Draft) -> Sequence[Any]:
        """(loss, scores)."""
        params = tree.transform(self.params, draft.array)
        batch = Batch(*(part if isinstance(part, float) else draft.array(part) for part in self.batch))
        made = self.recursion.value_and_gradients(params, batch, self.recursion.contexts(NotedKey(draft, self.draws)))
        for path, slot in tree.leaves(self.slots):
            draft.deliver(tree.at(made.gradients, path), slot)
        return made.loss, made.scores


@final
class NotedKey:
    """The key of the present step, whichever that is when the script runs; its draws are noted."""

    def __init__(self, draft: Draft, key: Key, path: tuple[str | int, ...] = ()) -> None:
        self._draft, self._key, self._path = draft, key, path

    def child(self, name: str | int) -> NotedKey:
        """As a key's."""
        return NotedKey(self._draft, self._key, (*self._path, name))

    def uniform(self, like: Any) -> Any:
        """As a key's."""
        return self._drawn(_uniform, like)

    def normal(self, like: Any) -> Any:
        """As a key's."""
        return self._drawn(_normal, like)

    def _drawn(self, draw: Callable[..., Array], like: Any) -> Any:
        key = self._draft.number(self._key, "{}", self._key)
        return self._draft.notes.call(Kind.CALL, draw, key, self._path, like)


def _uniform(key: Key, path: Sequence[str | int], like: Array) -> Array:
    return reduce(_child, path, key).uniform(like)


def _normal(key: Key, path: Sequence[str | int], like: Array) -> Array:
    return reduce(_child, path, key).normal(like)


def _child(key: Key, name: str | int) -> Key:
    return key.child(name)


@final
@dataclass(frozen=True)
class MovePart:
    """The components start .. stop - 1 of a group on piece i: its penalty; p, g and states are changed in place.

    `g`: where the gradient lies when the script runs.
    """

    group: GroupUpdate
    g: HostArray
    i: int
    start: int
    stop: int

    def key(self) -> Hashable:
        """Components and their order, what they know of the piece, shapes and types."""
        group, store = self.group, self.group.store
        piece = layout(self._p), store.param(self.i), str(store.reach(self.i)), self.start, self.stop
        states = tuple(_kind(state) for state in self._states)
        return tuple(group.components), group.first, group.rule, piece, states

    def settle(self) -> None:
        """What is remembered may have come from a component."""
        self._states[:] = [tree.transform(state, aligned.placed) for state in self._states]

    def given(self) -> Sequence[Any]:
        """p, g, what is remembered, and every h."""
        states = [one for state in self._states for one in _inside(state)]
        return [self._p, self.g, *states, *(h for settings in self.group.settings for h in settings.levels)]

    def write(self, draft: Draft) -> Sequence[Any]:
        """(penalty,)."""
        with noted(draft, self.group.settings):
            given = draft.array(self._p), draft.array(self.g), [opened(draft, state) for state in self._states]
            p, g, states, penalty = self.group.changed(self.i, self.start, self.stop, *given)
        draft.deliver(p, self._p)
        if self.stop < len(self.group.components):
            draft.deliver(g, self.g)
        for state, new in zip(self._states, states, strict=True):
            closed(draft, state, new)
        return (penalty,)

    @property
    def _p(self) -> Any:
        return self.group.store.get(self.i)

    @property
    def _states(self) -> list[State]:
        return self.group.states[self.i]


@contextmanager
def noted(draft: Draft, settings: Sequence[Settings]) -> Iterator[None]:
    """A block in which the numbers of h that may differ from step to step are noted."""
    before = [(h, dict(vars(h))) for own in settings for h in own.levels]
    try:
        for h, name in _moving(settings):
            value, where = getattr(h, name), f"{{}}.{name}"
            if isinstance(value, Mapping):
                setattr(h, name, {key: draft.number(one, f"{where}[{key!r}]", h) for key, one in value.items()})
            elif value is not None:
                setattr(h, name, draft.number(value, where, h))
        yield
    finally:
        for h, values in before:
            vars(h).update(values)


def _moving(settings: Iterable[Settings]) -> Iterator[tuple[SimpleNamespace, str]]:
    for own in settings:
        yield from ((h, name) for h in own.levels for name in ("step", "loss", "weight", "total"))
        yield from ((h, name) for h, name, value in own.slots if hasattr(value, "value"))


def _inside(state: State) -> Iterator[Any]:
    """A state, and the states and arrays in it."""
    yield state
    for leaf in state.values():
        if isinstance(leaf, dict):
            yield from _inside(leaf)
        elif isinstance(leaf, np.ndarray) and leaf.ndim:
            yield leaf


def _kind(leaf: Any) -> Any:
    """How a state is built."""
    if isinstance(leaf, dict):
        return tuple((name, _kind(inner)) for name, inner in leaf.items())
    return layout(leaf) if isinstance(leaf, np.ndarray) else type(leaf)


def opened(draft: Draft, state: State) -> State:
    """A state whose arrays and numbers are noted."""
    return {name: _opened(draft, state, name, leaf) for name, leaf in state.items()}


def _opened(draft: Draft, state: State, name: str, leaf: Any) -> Any:
    if isinstance(leaf, dict):
        return opened(draft, leaf)
    if isinstance(leaf, np.ndarray) and leaf.ndim:
        return draft.array(leaf)
    return draft.number(leaf, f"{{}}[{name!r}]", state)


def closed(draft: Draft, state: State, new: State) -> None:
    """Have the script leave a new state in the place of the old one."""
    if state.keys() != new.keys():
        raise Unwritable(f"a state with {list(new)} after one with {list(state)}")
    for name, leaf in state.items():
        if isinstance(leaf, dict):
            closed(draft, leaf, new[name])
        elif isinstance(leaf, np.ndarray) and leaf.ndim:
            draft.deliver(new[name], leaf)
        else:
            draft.keep(new[name], name, state)
