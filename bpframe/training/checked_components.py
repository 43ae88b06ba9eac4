"""Components whose arguments are read-only and whose results are checked for shape and dtype.

A component that would broadcast in silence or change its inputs is named by an IncompatibleComponent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast, final

import numpy as np

from bpframe import tree
from bpframe.data.arrays import read_only
from bpframe.errors import IncompatibleComponent
from bpframe.protocols import Activation, Constraint, Context, GradientStep, Group, Layer, Optimizer, Regularizer
from bpframe.protocols.traits import activation_of
from bpframe.registry import registry
from bpframe.registry.describe import title
from bpframe.types import Array, Cache, HostArray, Hyper, Params, Shape, State


@final
@dataclass(frozen=True)
class CheckedLayer:
    """A layer; its cache holds its input, too."""

    layer: Layer

    def forward(self, params: Params, x: HostArray, context: Context) -> tuple[HostArray, Cache]:
        """(y, cache), y with a row for each of x."""
        x = read_only(x)
        _check_activation(activation_of(self.layer), x.dtype)
        y, cache = _pair("layer", self.layer, "forward", self.layer.forward(params, x, context))
        return _same("layer", self.layer, "forward", y, (len(x), *np.shape(y)[1:]), x.dtype), (x, cache)

    def backward(
        self, params: Params, cache: Cache, dy: HostArray, context: Context
    ) -> tuple[HostArray | None, Params]:
        """(dx, gradients), a gradient for each parameter."""
        x, own = cache
        dx, gradients = _pair("layer", self.layer, "backward", self.layer.backward(params, own, read_only(dy), context))
        self._check_gradients(params, gradients)
        return _same("layer", self.layer, "backward, dx,", dx, x.shape, x.dtype) if context.need_dx else dx, gradients

    def _check_gradients(self, params: Params, gradients: Any) -> None:
        wanted = {path: leaf for path, leaf in tree.leaves(params) if "buffers" not in path}
        if not isinstance(gradients, Mapping):
            raise _broken("layer", self.layer, f"backward must give gradients by name, got {gradients!r}")
        if differing := {path for path, _ in tree.leaves(gradients)} ^ set(wanted):
            what = "backward must give a gradient for each parameter and nothing else, but differs in"
            raise _broken("layer", self.layer, f"{what} '{'/'.join(min(differing))}'")
        for path, leaf in wanted.items():
            what = f"backward, gradient of {'/'.join(path)},"
            _same("layer", self.layer, what, tree.at(gradients, path), leaf.shape, leaf.dtype)


@final
@dataclass(frozen=True)
class CheckedLoss:
    """A loss; scores (B, C)."""

    loss: Any

    def value_and_delta(self, scores: Array, target: Array) -> tuple[HostArray, HostArray]:
        """(values (B,), or one where rows are coupled, delta (B, C))."""
        z = read_only(np.asarray(scores))
        result = self.loss.value_and_delta(z, read_only(np.asarray(target)))
        values, delta = _pair("loss", self.loss, "value_and_delta", result)
        rows = () if getattr(values, "shape", None) == () else (len(z),)
        values = _same("loss", self.loss, "value_and_delta, values,", values, rows, z.dtype)
        return values, _same("loss", self.loss, "value_and_delta, delta,", delta, z.shape, z.dtype)

    def sample_target(self, scores: Array, key: Any) -> Array:
        """A target drawn from the predictions."""
        drawn: Array = self.loss.sample_target(read_only(np.asarray(scores)), key)
        return drawn


@final
@dataclass(frozen=True)
class CheckedRegularizer:
    """A regularizer."""

    part: Regularizer

    def value_and_gradient(self, p: HostArray, h: Hyper) -> tuple[Any, HostArray]:
        """(one number, gradient like p)."""
        result = self.part.value_and_gradient(read_only(p), h)
        value, gradient = _pair("regularizer", self.part, "value_and_gradient", result)
        if np.shape(value) != () or np.asarray(value).dtype.kind not in "biuf":
            raise _broken("regularizer", self.part, f"value_and_gradient, value, must be one number, got {value!r}")
        return value, _same("regularizer", self.part, "value_and_gradient, gradient,", gradient, p.shape, p.dtype)


@final
@dataclass(frozen=True)
class CheckedGradientStep:
    """A gradient step."""

    part: GradientStep

    def init(self, p: HostArray) -> State:
        """The initial state, read-only."""
        return _initial_state("gradient_step", self.part, self.part.init(read_only(p)))

    def transform(self, p: HostArray, g: HostArray, state: State, h: Hyper) -> tuple[HostArray, State]:
        """(g, state), like those before."""
        result = self.part.transform(read_only(p), read_only(g), state, h)
        new, after = _pair("gradient_step", self.part, "transform", result)
        new = _same("gradient_step", self.part, "transform, g,", new, p.shape, p.dtype)
        _check_state("gradient_step", self.part, "transform", after, state)
        return new, after

    def adjust(self, p: HostArray, h: Hyper) -> HostArray:
        """p, like that before."""
        part: Any = self.part
        return _same("gradient_step", part, "adjust", part.adjust(read_only(p), h), p.shape, p.dtype)


@final
@dataclass(frozen=True)
class CheckedOptimizer:
    """An update rule."""

    part: Optimizer

    def init(self, p: HostArray) -> State:
        """The initial state, read-only."""
        return _initial_state("optimizer", self.part, self.part.init(read_only(p)))

    def update(self, p: HostArray, g: HostArray, state: State, h: Hyper) -> tuple[HostArray, State]:
        """(p, state), like those before."""
        new, after = _pair("optimizer", self.part, "update", self.part.update(read_only(p), read_only(g), state, h))
        new = _same("optimizer", self.part, "update, p,", new, p.shape, p.dtype)
        _check_state("optimizer", self.part, "update", after, state)
        return new, after


@final
@dataclass(frozen=True)
class CheckedConstraint:
    """A constraint."""

    part: Constraint

    def project(self, p: HostArray, h: Hyper) -> HostArray:
        """p, like that before."""
        return _same("constraint", self.part, "project", self.part.project(read_only(p), h), p.shape, p.dtype)


def checked_components(group: Group) -> list[Any]:
    """The components of a group in the order in which they act."""
    rule: Any = group.rule
    return [
        *map(CheckedRegularizer, group.regularizers),
        *map(CheckedGradientStep, group.gradient_steps),
        CheckedOptimizer(rule),
        *map(CheckedConstraint, group.constraints),
    ]


def _check_activation(phi: Activation | Layer | None, dtype: np.dtype[Any]) -> None:
    """A value-based activation on its own, whose fault would otherwise be its layer's."""
    if not hasattr(phi, "derivative"):  # a layer, or none
        return
    phi = cast(Activation, phi)
    u = read_only(np.array([[-1.0, 0.5, 2.0]], dtype))
    v = _same("activation", phi, "value", phi.value(u), u.shape, dtype)
    _same("activation", phi, "derivative", phi.derivative(v), u.shape, dtype)


def _initial_state(kind: str, part: object, state: Any) -> State:
    """The state that init makes, read-only."""
    if not isinstance(state, Mapping):
        raise _broken(kind, part, f"init must give a state by name, got {state!r}")
    for path, leaf in tree.leaves(state):
        if np.asarray(leaf).dtype.kind not in "biuf":
            raise _broken(kind, part, f"init must give arrays or numbers, got {leaf!r} as {'/'.join(path)}")
    return tree.transform(state, lambda leaf: read_only(leaf) if isinstance(leaf, np.ndarray) else leaf)


def _check_state(kind: str, part: object, method: str, after: Any, before: State) -> None:
    """The state that a method hands back must be built as the one that init made."""
    if not isinstance(after, Mapping) or after.keys() != before.keys():
        raise _broken(kind, part, f"{method} must hand back the state that init makes")
    shapes = {path: np.shape(leaf) for path, leaf in tree.leaves(before)}
    for path, leaf in tree.leaves(after):
        array, wanted = np.asarray(leaf), shapes.get(path, ())
        if array.dtype.kind not in "biuf" or array.shape != wanted:
            got = array.shape if array.dtype.kind in "biuf" else repr(leaf)
            what = f"{'/'.join(path)} of the state, must be numbers of shape {wanted}, got {got}"
            raise _broken(kind, part, f"{method}, {what}")


def _pair(kind: str, part: object, what: str, result: Any) -> tuple[Any, Any]:
    """The two things that a method gives."""
    if not isinstance(result, tuple) or len(result) != 2:
        raise _broken(kind, part, f"{what} must give two things, got {type(result).__name__}")
    return result


def _same(kind: str, part: object, what: str, array: Any, shape: Shape, dtype: np.dtype[Any]) -> HostArray:
    """The array read-only, if it has this shape and dtype."""
    actual = getattr(array, "shape", None), getattr(array, "dtype", None)
    if actual != (shape, dtype):
        got = f"{actual[1]} {actual[0]}" if actual[1] is not None else repr(array)
        raise _broken(kind, part, f"{what} must be {dtype} {shape}, got {got}")
    return read_only(array)


def _broken(kind: str, part: object, what: str) -> IncompatibleComponent:
    return IncompatibleComponent(f"{title(registry, kind, part)}: {what}.")
