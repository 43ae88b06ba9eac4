"""The functions of a step that are traced: the gradient of a batch, and the update of one piece of the parameters.

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
from bpframe.engine.numpy.tracing.buffer_assignment import layout_of
from bpframe.engine.numpy.tracing.recording import Recording
from bpframe.engine.numpy.tracing.tracer import OpKind, Tracer, Untraceable
from bpframe.network.gradients import Batch, Recursion
from bpframe.network.scheduled_parts import ScheduledParts
from bpframe.ops import aligned
from bpframe.protocols import Key
from bpframe.registry.nested import is_schedule
from bpframe.types import Array, HostArray, Params, State


@final
@dataclass(frozen=True, eq=False, repr=False)
class TracedGradient:
    """Forward, cost and backward down to layer number `lowest`: returns loss and scores, writes gradients to the slots.

    `parts`: what holds scheduled settings; `draws`: the key of the present step.
    """

    recursion: Recursion
    parts: ScheduledParts
    params: Params
    slots: Params
    batch: Batch
    draws: Key

    def key(self) -> Hashable:
        """Layers and cost, shapes and dtypes."""
        shapes = tuple((path, layout_of(leaf)) for path, leaf in tree.leaves(self.params))
        slots = tuple(path for path, _ in tree.leaves(self.slots))
        weights = np.shape(self.batch.share), self.batch.mask is None
        rows = layout_of(self.batch.x), layout_of(self.batch.target), *weights
        return self.recursion.layers, self.recursion.cost, self.recursion.lowest, shapes, slots, rows

    def align(self) -> None:
        """Nothing to do: the arrays of batches, parameters and slots are allocated aligned."""

    def arguments(self) -> Sequence[Any]:
        """Arrays of the batch, parameters, slots, what holds scheduled settings, the key."""
        rows = [part for part in self.batch if isinstance(part, np.ndarray)]
        leaves = [leaf for branch in (self.params, self.slots) for _, leaf in tree.leaves(branch)]
        return [*rows, *leaves, *(owner for places in self.parts.places for owner, _ in places), self.draws]

    def trace(self, recording: Recording) -> Sequence[Any]:
        """(loss, scores)."""
        params = tree.transform(self.params, recording.array)
        batch = Batch(*(recording.array(part) if isinstance(part, np.ndarray) else part for part in self.batch))
        contexts = self.recursion.contexts(KeyTracer(recording, self.draws), self.params, batch.mask)
        with self.parts.holding(self._scheduled(recording)):
            result = self.recursion.value_and_gradients(params, batch, contexts)
        for path, slot in tree.leaves(self.slots):
            recording.output(tree.at(result.gradients, path), slot)
        return result.loss, result.scores

    def _scheduled(self, recording: Recording) -> list[Tracer]:
        """Tracers of the scheduled settings, which the program reads where `parts` holds them."""
        values = zip(self.parts.values, self.parts.places, strict=True)
        return [recording.number(value, f"{{}}.{places[0][1]}", places[0][0]) for value, places in values]


@final
class KeyTracer:
    """Stands in for the key of the present step, which is read when the program runs; records its draws."""

    def __init__(self, recording: Recording, key: Key, path: tuple[str | int, ...] = ()) -> None:
        self._recording, self._key, self._path = recording, key, path

    def child(self, name: str | int) -> KeyTracer:
        """As `Key.child`."""
        return KeyTracer(self._recording, self._key, (*self._path, name))

    def uniform(self, like: Array) -> Any:
        """As `Key.uniform`."""
        return self._record(_uniform, like)

    def normal(self, like: Array) -> Any:
        """As `Key.normal`."""
        return self._record(_normal, like)

    def _record(self, draw: Callable[..., Array], like: Array) -> Tracer:
        key = self._recording.number(self._key, "{}", self._key)
        return self._recording.graph.record(OpKind.CALL, draw, key, self._path, like)


def _uniform(key: Key, path: Sequence[str | int], like: Array) -> Array:
    return reduce(_child, path, key).uniform(like)


def _normal(key: Key, path: Sequence[str | int], like: Array) -> Array:
    return reduce(_child, path, key).normal(like)


def _child(key: Key, name: str | int) -> Key:
    return key.child(name)


@final
@dataclass(frozen=True, eq=False, repr=False)
class TracedUpdate:
    """The components start .. stop - 1 of a group on piece i: returns the penalty, updates p, g and states in place.

    `g`: the array that the program reads the gradient from.
    """

    group: GroupUpdate
    g: HostArray
    i: int
    start: int
    stop: int

    def key(self) -> Hashable:
        """Components in their order, what they are told of the piece, shapes and dtypes."""
        group, store = self.group, self.group.store
        piece = layout_of(self._p), store.param(self.i), str(store.reach(self.i)), self.start, self.stop
        states = tuple(_state_layout(state) for state in self._states)
        return tuple(group.components), group.first, group.rule, piece, states

    def align(self) -> None:
        """Align the states, which a component may have allocated."""
        self._states[:] = [tree.transform(state, aligned.align) for state in self._states]

    def arguments(self) -> Sequence[Any]:
        """p, g, the states with their arrays, and every h."""
        states = [branch for state in self._states for branch in _branches_and_arrays(state)]
        return [self._p, self.g, *states, *(h for settings in self.group.settings for h in settings.levels)]

    def trace(self, recording: Recording) -> Sequence[Any]:
        """(penalty,)."""
        with trace_settings(recording, self.group.settings):
            states = [trace_state(recording, state) for state in self._states]
            arguments = recording.array(self._p), recording.array(self.g), states
            p, g, states, penalty = self.group.changed(self.i, self.start, self.stop, *arguments)
        recording.output(p, self._p)
        if self.stop < len(self.group.components):
            recording.output(g, self.g)
        for state, new in zip(self._states, states, strict=True):
            output_state(recording, state, new)
        return (penalty,)

    @property
    def _p(self) -> Any:
        return self.group.store.get(self.i)

    @property
    def _states(self) -> list[State]:
        return self.group.states[self.i]


@contextmanager
def trace_settings(recording: Recording, settings: Sequence[Settings]) -> Iterator[None]:
    """A block in which tracers stand for those numbers of every h that may differ from step to step."""
    before = [(h, dict(vars(h))) for component in settings for h in component.levels]
    try:
        for h, name in _varying(settings):
            value, path = getattr(h, name), f"{{}}.{name}"
            if isinstance(value, Mapping):
                numbers = {key: recording.number(number, f"{path}[{key!r}]", h) for key, number in value.items()}
                setattr(h, name, numbers)
            elif value is not None:
                setattr(h, name, recording.number(value, path, h))
        yield
    finally:
        for h, values in before:
            vars(h).update(values)


def _varying(settings: Iterable[Settings]) -> Iterator[tuple[SimpleNamespace, str]]:
    """(h, attribute) of what the engine sets anew at each step, and of what follows a schedule."""
    for component in settings:
        yield from ((h, name) for h in component.levels for name in ("step", "loss", "weight", "total"))
        yield from ((h, name) for h, name, value in component.slots if is_schedule(value))


def _is_array(leaf: object) -> bool:
    """Whether a leaf of a state is an array, not a number or an array without axes."""
    return isinstance(leaf, np.ndarray) and leaf.ndim > 0


def _branches_and_arrays(state: State) -> Iterator[Any]:
    """A state, the states nested in it, and all their arrays."""
    yield state
    for leaf in state.values():
        if isinstance(leaf, dict):
            yield from _branches_and_arrays(leaf)
        elif _is_array(leaf):
            yield leaf


def _state_layout(leaf: object) -> Any:
    """Names, layouts and types in a state."""
    if isinstance(leaf, dict):
        return tuple((name, _state_layout(inner)) for name, inner in leaf.items())
    return layout_of(leaf) if isinstance(leaf, np.ndarray) else type(leaf)


def trace_state(recording: Recording, state: State) -> State:
    """A state with tracers in the place of its arrays and numbers."""
    return {name: _trace_leaf(recording, state, name, leaf) for name, leaf in state.items()}


def _trace_leaf(recording: Recording, state: State, name: str, leaf: Any) -> State | Tracer:
    if isinstance(leaf, dict):
        return trace_state(recording, leaf)
    return recording.array(leaf) if _is_array(leaf) else recording.number(leaf, f"{{}}[{name!r}]", state)


def output_state(recording: Recording, state: State, new: State) -> None:
    """Have the program write a new state over the old one."""
    if state.keys() != new.keys():
        raise Untraceable(f"a state with {list(new)} after one with {list(state)}")
    for name, leaf in state.items():
        if isinstance(leaf, dict):
            output_state(recording, leaf, new[name])
        elif _is_array(leaf):
            recording.output(new[name], leaf)
        else:
            recording.store(new[name], name, state)
