"""One small step before the first real one, on a few rows, in NumPy, to see that every component keeps its protocol.

Arrays are handed out read-only, and what comes back is checked for shape and dtype, so that a component that would
broadcast in silence or change its inputs is named here, once, and costs nothing in the loop.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, final

import numpy as np

from bpframe import tree
from bpframe.backprop import CostLayer, lowest_trained
from bpframe.context import step_contexts
from bpframe.errors import IncompatibleComponent
from bpframe.hyper import Settings
from bpframe.network import Network
from bpframe.protocols import Data, Group, Layer, Totals
from bpframe.random import epoch_key
from bpframe.registry import registry
from bpframe.rules import having, note_totals, totals
from bpframe.types import HostArray, Params, Shape


@final
class Rehearsal:
    """Checks one step of a network, its cost and its groups; IncompatibleComponent names who breaks a rule."""

    def __init__(self, network: Network, cost: CostLayer, groups: list[Group], params: Params) -> None:
        self.network, self.cost, self.groups = network, cost, groups
        self.params = tree.transform(params, _frozen)

    @np.errstate(all="ignore")
    def step(self, seen: Data) -> None:
        """Forward, cost, backward and update on a few rows."""
        layers = self.network.layers
        lowest = lowest_trained(layers, (path for group in self.groups for path in group.paths))
        contexts = step_contexts(self.network.labels, lowest, epoch_key(0, 0), 0)
        v, passed = _frozen(seen.x), []
        for (label, layer), context in zip(layers, contexts, strict=True):
            y, cache = layer.forward(self.params[label], v, context)
            passed.append((v, cache))
            v = self._same("layer", layer, "forward", y, (len(v), *np.shape(y)[1:]), v.dtype)
        gradients: Params = {}
        dy = self._delta(v, _frozen(seen.target))
        for k in range(len(layers) - 1, lowest - 1, -1):
            label, layer = layers[k]
            x, cache = passed[k]
            dx, gradients[label] = layer.backward(self.params[label], cache, dy, contexts[k])
            self._gradients(layer, label, gradients[label])
            dy = self._same("layer", layer, "backward, dx,", dx, x.shape, x.dtype) if k != lowest else dy
        for group in self.groups:
            self._update(group, gradients)

    def _delta(self, scores: HostArray, target: HostArray) -> HostArray:
        loss = self.cost.loss
        values, delta = loss.value_and_delta(scores, target)
        if np.shape(values) != ():
            self._same("loss", loss, "value_and_delta, values,", values, (len(scores),), scores.dtype)
        return self._same("loss", loss, "value_and_delta, delta,", delta, scores.shape, scores.dtype)

    def _gradients(self, layer: Layer, label: str, given: Params) -> None:
        wanted = {path: leaf for path, leaf in tree.leaves(self.params[label]) if "buffers" not in path}
        if differing := {path for path, _ in tree.leaves(given)} ^ set(wanted):
            raise IncompatibleComponent(
                f"{_who('layer', layer)}: backward must give a gradient for each parameter and nothing else, "
                f"but differs in '{'/'.join(min(differing))}'."
            )
        for path, leaf in wanted.items():
            what = f"backward, gradient of {'/'.join(path)},"
            self._same("layer", layer, what, tree.at(given, path), leaf.shape, leaf.dtype)

    def _update(self, group: Group, gradients: Params) -> None:
        rule = group.rule
        if rule is None or rule.scope == "objective":
            return
        for path, param in zip(group.paths[:1], group.params, strict=False):
            p, g = tree.at(self.params, path), _frozen(tree.at(gradients, path))
            if rule.scope == "element":
                p, g = p.reshape(-1), g.reshape(-1)
            state = tree.transform(rule.init(p), _frozen)
            settings = Settings(rule, p.dtype.type)
            h = settings.at(0)
            settings.note(param=param, loss=0.0)
            links = having(rule, state, Totals)
            note_totals(links, h, totals(links, h, [(p, g, state)]))
            new, after = rule.update(p, g, state, h)
            self._same("optimizer", rule, "update, p,", new, p.shape, p.dtype)
            if not isinstance(after, Mapping) or after.keys() != state.keys():
                raise IncompatibleComponent(
                    f"{_who('optimizer', rule)}: update must hand back the state that init makes."
                )

    def _same(self, kind: str, who: Any, what: str, array: Any, shape: Shape, dtype: np.dtype[Any]) -> HostArray:
        """The array read-only, if it has this shape and dtype."""
        found = getattr(array, "shape", None), getattr(array, "dtype", None)
        if found != (shape, dtype):
            got = f"{found[1]} {found[0]}" if found[1] is not None else repr(array)
            raise IncompatibleComponent(f"{_who(kind, who)}: {what} must be {dtype} {shape}, got {got}.")
        return _frozen(array)


def _frozen(array: HostArray) -> HostArray:
    view = np.asarray(array).view()
    view.flags.writeable = False
    return view


def _who(kind: str, component: Any) -> str:
    return str(registry.provider_of(kind, component) or f"{kind} {type(component).__name__}")
