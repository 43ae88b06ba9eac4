"""Components whose arguments are read-only and whose results are checked for shape and dtype.

A component that would broadcast in silence or change its inputs is named by an IncompatibleComponent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import repeat
from typing import Any, cast, final

import numpy as np

from bpframe import tree
from bpframe.data.arrays import read_only
from bpframe.errors import IncompatibleComponent
from bpframe.protocols import Activation, Context, Group, Layer
from bpframe.protocols.traits import activation_of, is_weighted
from bpframe.registry import registry
from bpframe.registry.describe import title
from bpframe.training.spec import UPDATING
from bpframe.types import Array, Cache, HostArray, Params, Shape, State


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

    @property
    def weighted(self) -> bool:
        """Whether it takes weights."""
        return is_weighted(self.loss)

    def value_and_delta(self, scores: Array, target: Array, *weight: Array) -> tuple[HostArray, HostArray]:
        """(values (B,), or one where rows are coupled, delta (B, C))."""
        z, more = read_only(np.asarray(scores)), (read_only(np.asarray(each)) for each in weight)
        result = self.loss.value_and_delta(z, read_only(np.asarray(target)), *more)
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
class CheckedPart:
    """A part of an update of a group, whose methods give what the spec says (`SpecPart.results`).

    Arrays are like the first argument, a state like the one that came in, and `init` makes one.
    """

    kind: str
    part: Any
    results: Mapping[str, Sequence[str]]

    def __getattr__(self, method: str) -> Callable[..., Any]:
        if method not in self.results:
            raise AttributeError(method)
        return partial(self._call, method)

    def _call(self, method: str, p: HostArray, *others: Any) -> Any:
        given = [read_only(each) if isinstance(each, np.ndarray) else each for each in (p, *others)]
        names, result = self.results[method], getattr(self.part, method)(*given)
        if len(names) == 1:
            return self._result(method, names[0], method, result, given)
        both = _pair(self.kind, self.part, method, result)
        whats = (f"{method}, {name}," for name in names)
        return tuple(map(self._result, repeat(method), names, whats, both, repeat(given)))

    def _result(self, method: str, name: str, what: str, result: Any, given: Sequence[Any]) -> Any:
        """A result of this name; `what` it is called in an error."""
        if name == "value":
            return _number(self.kind, self.part, what, result)
        if name != "state":
            return _same(self.kind, self.part, what, result, given[0].shape, given[0].dtype)
        before = next((each for each in given if isinstance(each, dict)), None)
        if before is None:
            return _initial_state(self.kind, self.part, result)
        _check_state(self.kind, self.part, method, result, before)
        return result


def checked_components(group: Group) -> list[Any]:
    """The components of a group in the order in which they act."""
    results = {part.kind: part.results for part in UPDATING}
    return [CheckedPart(kind, component, results[kind]) for kind, component in group.components()]


def _check_activation(phi: Activation | Layer | None, dtype: np.dtype[Any]) -> None:
    """A value-based activation on its own, whose fault would otherwise be its layer's."""
    if not hasattr(phi, "derivative"):  # a layer, or none
        return
    phi = cast(Activation, phi)
    u = read_only(np.array([[-1.0, 0.5, 2.0]], dtype))
    v = _same("activation", phi, "value", phi.value(u), u.shape, dtype)
    _same("activation", phi, "derivative", phi.derivative(v), u.shape, dtype)


def _number(kind: str, part: object, what: str, value: Any) -> Any:
    """The value, if it is one number."""
    if np.shape(value) != () or np.asarray(value).dtype.kind not in "biuf":
        raise _broken(kind, part, f"{what} must be one number, got {value!r}")
    return value


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
