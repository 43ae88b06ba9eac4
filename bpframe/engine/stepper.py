"""One training step in NumPy: the recursion on a batch, and the update that follows from its gradients.

Shapes: B rows of a batch; x (B, ...), target (B, C), share (B,) or one number.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, cast, final

import numpy as np

from bpframe.backprop import NOTHING, CostLayer, backward, forward, lowest_trained
from bpframe.context import StepContext, step_contexts
from bpframe.engine.flat import Flat
from bpframe.engine.minimize import Minimization
from bpframe.engine.update import GroupUpdate, Updates
from bpframe.hyper import Settings
from bpframe.network import Network
from bpframe.protocols import Group, Key, Refresh, SampleTarget
from bpframe.types import HostArray, Params


class Batch(NamedTuple):
    """What a step works on: its weight, each row's share of it, and the key and number of the step in its epoch."""

    x: HostArray
    target: HostArray
    weight: float
    share: Any
    key: Key
    number: int


@dataclass(slots=True)
class Pass:
    """One way forward and back: mean loss, penalties, scores (B, C); no gradients where the loss is not finite."""

    loss: float
    penalty: float
    scores: Any
    caches: list[Any]
    gradients: Params | None


@final
class Stepper:
    """Makes steps on `params`, a tree with views into the vectors of its groups.

    `writing`: whether the parameters may be between two steps; whoever keeps count takes it back once a step is noted.
    """

    def __init__(
        self, network: Network, cost: CostLayer, params: Params, groups: Sequence[Group], dtype: np.dtype[Any]
    ) -> None:
        self.params, self.writing = params, False
        self._layers, self._labels, self._cost, self._dtype = network.layers, network.labels, cost, dtype
        self.flats = [Flat(group, params, dtype) for group in groups]
        self.groups = [GroupUpdate(group, flat) for group, flat in zip(groups, self.flats, strict=True)]
        trained = (path for group in groups if group.rule for path in group.paths)
        self._lowest = lowest_trained(network.layers, trained)
        self._refreshing = [
            (k, label, layer) for k, (label, layer) in enumerate(network.layers) if isinstance(layer, Refresh)
        ]
        self._take_over(groups)

    def use(self, groups: Sequence[Group], step: int) -> None:
        """Take over groups whose settings may have changed, after `step` steps."""
        for update, group in zip(self.groups, groups, strict=True):
            update.use(group)
            update.begin(max(step - 1, 0))
        self._take_over(groups)

    def _take_over(self, groups: Sequence[Group]) -> None:
        self.updates = Updates(self.groups)
        self._minimization = Minimization(self.updates.groups) if self.updates.minimizing else None
        penalties = [part for group in groups if not group.paths for part in group.regularizers]
        self._activity = [(part, Settings(part, self._dtype.type)) for part in penalties]

    def step(self, batch: Batch, step: int) -> Pass:
        """The step that follows `step` steps; a loss that is not finite updates nothing."""
        contexts = step_contexts(self._labels, self._lowest, batch.key, batch.number)
        made = self._minimized(batch, contexts, step) if self._minimization else self._updated(batch, contexts, step)
        if made.gradients is None:
            self.writing = False
            return made
        for k, label, layer in self._refreshing:
            self.params[label] = layer.refresh(self.params[label], made.caches[k])
        return made

    def _pass(self, batch: Batch, contexts: list[StepContext], step: int) -> Pass:
        """The recursion on a batch, at the present parameters."""
        outputs, caches = forward(self._layers, self.params, batch.x, contexts)
        loss, delta = self._cost.mean_and_delta(outputs[-1], batch.target, batch.share)
        made = Pass(float(loss), 0.0, outputs[-1], caches, None)
        if math.isfinite(made.loss):
            made.penalty, slopes = self._penalties(outputs, step) if self._activity else (0.0, NOTHING)
            made.gradients = backward(self._layers, self.params, caches, delta, contexts, self._lowest, slopes)
        return made

    def _updated(self, batch: Batch, contexts: list[StepContext], step: int) -> Pass:
        """A pass, and the update that follows from its gradients, or from those where the rule wants them taken."""
        made, updates = self._pass(batch, contexts, step), self.updates
        if made.gradients is None:
            return made
        known = {"loss": self._dtype.type(made.loss), "weight": self._dtype.type(batch.weight)}
        if updates.observing and updates.observes(step):
            self._observe(batch, made, contexts, step)
        gradients: Params | None = made.gradients
        self.writing = True
        if updates.probing:
            went = updates.probe(made.gradients, step, **known)
            gradients = self._pass(batch, contexts, step).gradients
            for store, before in went:
                for i, p in enumerate(before):
                    store.put(i, p)
        if gradients is None:
            made.loss, made.gradients = math.nan, None
            return made
        made.penalty += float(updates.update(gradients, step, **known))
        return made

    def _observe(self, batch: Batch, made: Pass, contexts: list[StepContext], step: int) -> None:
        """Show the rules that look the gradient for targets drawn from the predictions themselves."""
        key = batch.key.child(batch.number).child("targets")
        target = cast(SampleTarget, self._cost.loss).sample_target(made.scores, key)
        _, delta = self._cost.mean_and_delta(made.scores, target, 1.0 / len(batch.x))
        gradients = backward(self._layers, self.params, made.caches, delta, contexts, self._lowest)
        self.writing = True
        self.updates.observe(gradients, step, len(batch.x))

    def _minimized(self, batch: Batch, contexts: list[StepContext], step: int) -> Pass:
        """A step of a rule that asks for the objective itself; the pass it began with."""
        passes: list[Pass] = []

        def passed() -> tuple[float, Params | None]:
            passes.append(self._pass(batch, contexts, step))
            return passes[-1].loss + passes[-1].penalty, passes[-1].gradients

        self.writing = True
        task = cast(Minimization, self._minimization)
        task.step(step, passed)
        passes[0].penalty += task.penalty
        return passes[0]

    def _penalties(self, outputs: list[Any], step: int) -> tuple[float, dict[int, Any]]:
        """(what is added to the loss for the outputs of hidden layers, its slope by number of the layer)."""
        penalty = 0.0
        slopes: dict[int, Any] = {}
        for part, settings in self._activity:
            for k, v in enumerate(outputs[:-1]):
                value, slope = part.value_and_gradient(v, settings.at(step))
                penalty += float(value) / len(v)
                slopes[k] = slopes.get(k, 0.0) + slope / len(v)
        return penalty, slopes
