"""One small step before the first real one, on a few rows, in NumPy, to see that every component keeps its protocol.

Arrays are handed out read-only, and what comes back is checked for shape and dtype, so that a component that would
broadcast in silence or change its inputs is named here, once, and costs nothing in the loop.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, final

import numpy as np

from bpframe import tree
from bpframe.data.arrays import read_only
from bpframe.engine.hyperparameters import Settings
from bpframe.engine.optimizer_chain import having, note_totals, totals
from bpframe.errors import IncompatibleComponent
from bpframe.network.backprop import CostLayer, lowest_trained
from bpframe.network.context import step_contexts
from bpframe.network.network import Network
from bpframe.protocols import Adjust, Data, Group, Layer, Param, Totals
from bpframe.protocols.traits import activation_of, scope_of
from bpframe.random import epoch_key
from bpframe.registry import registry
from bpframe.registry.describe import title
from bpframe.types import HostArray, Params, Shape, State


@final
class Rehearsal:
    """Checks one step of a network, its cost and its groups; IncompatibleComponent names who breaks a rule."""

    def __init__(self, network: Network, cost: CostLayer, groups: list[Group], params: Params) -> None:
        self.network, self.cost, self.groups = network, cost, groups
        self.params = tree.transform(params, read_only)

    @np.errstate(all="ignore")
    def step(self, seen: Data) -> None:
        """Forward, cost, backward and update on a few rows."""
        layers = self.network.layers
        lowest = lowest_trained(layers, (path for group in self.groups for path in group.paths))
        contexts = step_contexts(self.network.labels, lowest, epoch_key(0, 0).child(0))
        v, passed = read_only(seen.x), []
        for (label, layer), context in zip(layers, contexts, strict=True):
            _activation(activation_of(layer), v.dtype)
            y, cache = _pair("layer", layer, "forward", layer.forward(self.params[label], v, context))
            passed.append((v, cache))
            v = _same("layer", layer, "forward", y, (len(v), *np.shape(y)[1:]), v.dtype)
        gradients: Params = {}
        dy = self._delta(v, read_only(seen.target))
        for k in range(len(layers) - 1, lowest - 1, -1):
            label, layer = layers[k]
            x, cache = passed[k]
            made = layer.backward(self.params[label], cache, dy, contexts[k])
            dx, gradients[label] = _pair("layer", layer, "backward", made)
            self._gradients(layer, label, gradients[label])
            dy = _same("layer", layer, "backward, dx,", dx, x.shape, x.dtype) if k != lowest else dy
        for group in self.groups:
            self._update(group, gradients)

    def _delta(self, scores: HostArray, target: HostArray) -> HostArray:
        loss = self.cost.loss
        values, delta = _pair("loss", loss, "value_and_delta", loss.value_and_delta(scores, target))
        rows = () if getattr(values, "shape", None) == () else (len(scores),)  # one value where rows are coupled
        _same("loss", loss, "value_and_delta, values,", values, rows, scores.dtype)
        return _same("loss", loss, "value_and_delta, delta,", delta, scores.shape, scores.dtype)

    def _gradients(self, layer: Layer, label: str, given: Any) -> None:
        wanted = {path: leaf for path, leaf in tree.leaves(self.params[label]) if "buffers" not in path}
        if not isinstance(given, Mapping):
            raise _broken("layer", layer, f"backward must give gradients by name, got {given!r}")
        if differing := {path for path, _ in tree.leaves(given)} ^ set(wanted):
            what = "backward must give a gradient for each parameter and nothing else, but differs in"
            raise _broken("layer", layer, f"{what} '{'/'.join(min(differing))}'")
        for path, leaf in wanted.items():
            what = f"backward, gradient of {'/'.join(path)},"
            _same("layer", layer, what, tree.at(given, path), leaf.shape, leaf.dtype)

    def _update(self, group: Group, gradients: Params) -> None:
        """Penalties, gradient steps, rule and constraints of a group, on its first parameter."""
        rule = group.rule
        if rule is None or rule.scope == "objective":
            return
        for path, param in zip(group.paths[:1], group.params, strict=False):
            p, g = tree.at(self.params, path), read_only(tree.at(gradients, path))
            if all(scope_of(part) == "element" for part in (*group.gradient_steps, rule)):
                p, g = p.reshape(-1), g.reshape(-1)
            piece = _Piece(p, g, param, Settings(rule, p.dtype.type))
            for penalty in group.regularizers:
                piece.penalise(penalty)
            for step in group.gradient_steps:
                piece.transform(step)
            piece.update(rule)
            for constraint in group.constraints:
                piece.project(constraint)


@final
class _Piece:
    """A parameter p and its gradient g on their way through an update; `rule`: the settings of its rule."""

    def __init__(self, p: HostArray, g: HostArray, param: Param, rule: Settings) -> None:
        self.p, self.g, self._param, self._rule = p, g, param, rule

    def penalise(self, part: Any) -> None:
        """A regularizer."""
        given = part.value_and_gradient(self.p, self._h(part))
        value, gradient = _pair("regularizer", part, "value_and_gradient", given)
        if np.shape(value) != () or np.asarray(value).dtype.kind not in "biuf":
            raise _broken("regularizer", part, f"value_and_gradient, value, must be one number, got {value!r}")
        self._like_p("regularizer", part, "value_and_gradient, gradient,", gradient)

    def transform(self, part: Any) -> None:
        """A gradient step."""
        h, state = self._begin("gradient_step", part)
        made = _pair("gradient_step", part, "transform", part.transform(self.p, self.g, state, h))
        self.g = self._like_p("gradient_step", part, "transform, g,", made[0])
        _same_state("gradient_step", part, "transform", made[1], state)
        if isinstance(part, Adjust):
            self.p = self._like_p("gradient_step", part, "adjust", part.adjust(self.p, h))

    def update(self, rule: Any) -> None:
        """The update rule."""
        h, state = self._begin("optimizer", rule)
        made = _pair("optimizer", rule, "update", rule.update(self.p, self.g, state, h))
        self.p = self._like_p("optimizer", rule, "update, p,", made[0])
        _same_state("optimizer", rule, "update", made[1], state)

    def project(self, part: Any) -> None:
        """A constraint."""
        self._like_p("constraint", part, "project", part.project(self.p, self._h(part)))

    def _h(self, part: Any) -> Any:
        settings = Settings(part, self.p.dtype.type)
        h = settings.at(0)
        settings.note(param=self._param, loss=self.p.dtype.type(0), weight=self.p.dtype.type(1), rule=self._rule.at(0))
        return h

    def _begin(self, kind: str, part: Any) -> tuple[Any, State]:
        """(h, the state that init makes), with the sums over the model that the part asks for."""
        state, h = part.init(self.p), self._h(part)
        if not isinstance(state, Mapping):
            raise _broken(kind, part, f"init must give a state by name, got {state!r}")
        for path, leaf in tree.leaves(state):
            if np.asarray(leaf).dtype.kind not in "biuf":
                raise _broken(kind, part, f"init must give arrays or numbers, got {leaf!r} as {'/'.join(path)}")
        state = tree.transform(state, lambda leaf: read_only(leaf) if isinstance(leaf, np.ndarray) else leaf)
        links = having(part, state, Totals)
        note_totals(links, h, totals(links, h, [(self.p, self.g, state)]))
        return h, state

    def _like_p(self, kind: str, part: Any, what: str, array: Any) -> HostArray:
        return _same(kind, part, what, array, self.p.shape, self.p.dtype)


def _activation(phi: Any, dtype: np.dtype[Any]) -> None:
    """A value-based activation on its own, whose fault would otherwise be its layer's."""
    if not hasattr(phi, "derivative"):
        return
    u = read_only(np.array([[-1.0, 0.5, 2.0]], dtype))
    v = _same("activation", phi, "value", phi.value(u), u.shape, dtype)
    _same("activation", phi, "derivative", phi.derivative(v), u.shape, dtype)


def _same_state(kind: str, part: Any, method: str, after: Any, before: State) -> None:
    """The state that a method hands back must be built as the one that init made."""
    if not isinstance(after, Mapping) or after.keys() != before.keys():
        raise _broken(kind, part, f"{method} must hand back the state that init makes")
    known: dict[tree.Path, Any] = dict(tree.leaves(before))
    for path, leaf in tree.leaves(after):
        made, wanted = np.asarray(leaf), np.shape(known.get(path, 0.0))
        if made.dtype.kind not in "biuf" or made.shape != wanted:
            got = made.shape if made.dtype.kind in "biuf" else repr(leaf)
            what = f"{'/'.join(path)} of the state, must be numbers of shape {wanted}, got {got}"
            raise _broken(kind, part, f"{method}, {what}")


def _pair(kind: str, who: Any, what: str, given: Any) -> tuple[Any, Any]:
    """The two things that a method gives."""
    if not isinstance(given, tuple) or len(given) != 2:
        raise _broken(kind, who, f"{what} must give two things, got {type(given).__name__}")
    return given


def _same(kind: str, who: Any, what: str, array: Any, shape: Shape, dtype: np.dtype[Any]) -> HostArray:
    """The array read-only, if it has this shape and dtype."""
    found = getattr(array, "shape", None), getattr(array, "dtype", None)
    if found != (shape, dtype):
        got = f"{found[1]} {found[0]}" if found[1] is not None else repr(array)
        raise _broken(kind, who, f"{what} must be {dtype} {shape}, got {got}")
    return read_only(array)


def _broken(kind: str, who: Any, what: str) -> IncompatibleComponent:
    return IncompatibleComponent(f"{title(registry, kind, who)}: {what}.")
