"""One way forward and back, the part of a step before the update: the same code for arrays of every engine.

Shapes: B rows of a batch; x (B, ...), target (B, C), share (B,) or one number.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, cast, final

from bpframe.network.backprop import NOTHING, CostLayer, backward, forward, lowest_trained
from bpframe.network.context import step_contexts
from bpframe.network.network import Network
from bpframe.protocols import Context, Group, Key, Refresh, SampleTarget
from bpframe.types import Array, Params

Activity = Sequence[tuple[Any, Any]]  # penalties on the outputs of hidden layers, with their settings


class Batch(NamedTuple):
    """What a step works on, with its weight and each row's share of it."""

    x: Any
    target: Any
    weight: Any
    share: Any


@dataclass(slots=True)
class Pass:
    """One way forward and back: mean loss, penalty on activations, scores (B, C), what layers keep, gradients.

    No gradients where there was no way back.
    """

    loss: Any
    penalty: Any
    scores: Any
    caches: list[Any]
    gradients: Params | None = None


@final
class Recursion:
    """The recursion through a network and a cost, down to layer number `lowest` that some group trains."""

    def __init__(self, network: Network, cost: CostLayer, groups: Sequence[Group]) -> None:
        self.layers, self.cost, self._labels = network.layers, cost, network.labels
        self.lowest = lowest_trained(self.layers, (path for group in groups if group.rule for path in group.paths))
        self.refreshing = [(k, label, part) for k, (label, part) in enumerate(self.layers) if isinstance(part, Refresh)]

    def contexts(self, key: Key) -> Sequence[Context]:
        """What layers are told in a step of that key."""
        return step_contexts(self._labels, self.lowest, key)

    def passed(
        self,
        params: Params,
        batch: Batch,
        contexts: Sequence[Context],
        activity: Activity = (),
        step: Any = 0,
        back: Callable[[Any], bool] = lambda loss: True,
    ) -> Pass:
        """The recursion on a batch, after `step` steps; `back`: whether a loss is worth the way back."""
        outputs, caches = forward(self.layers, params, batch.x, contexts)
        loss, delta = self.cost.mean_and_delta(outputs[-1], batch.target, batch.share)
        made = Pass(loss, 0.0, outputs[-1], caches)
        if back(loss):
            made.penalty, slopes = _penalties(activity, outputs, step)
            made.gradients = self._backward(params, caches, delta, contexts, slopes)
        return made

    def sampled(
        self, params: Params, scores: Array, caches: Sequence[Any], contexts: Sequence[Context], key: Key
    ) -> Params:
        """Gradients for targets that are drawn from the predictions themselves."""
        target = cast(SampleTarget, self.cost.loss).sample_target(scores, key)
        _, delta = self.cost.mean_and_delta(scores, target, 1.0 / len(cast(Any, scores)))
        return self._backward(params, caches, delta, contexts)

    def refreshed(self, params: Params, caches: Sequence[Any]) -> Params:
        """The parameters, in which layers have moved their buffers, from what they kept on the way forward."""
        for k, label, layer in self.refreshing:
            params[label] = layer.refresh(params[label], caches[k])
        return params

    def _backward(
        self,
        params: Params,
        caches: Sequence[Any],
        delta: Array,
        contexts: Sequence[Context],
        slopes: Mapping[int, Array] = NOTHING,
    ) -> Params:
        return backward(self.layers, params, caches, delta, contexts, self.lowest, slopes)


def _penalties(activity: Activity, outputs: Sequence[Any], step: Any) -> tuple[Any, dict[int, Any]]:
    """(what is added to the loss for the outputs of hidden layers, its slope by number of the layer)."""
    penalty: Any = 0.0
    slopes: dict[int, Any] = {}
    for part, settings in activity:
        for k, v in enumerate(outputs[:-1]):
            value, slope = part.value_and_gradient(v, settings.at(step))
            penalty = penalty + value / len(v)
            slopes[k] = slopes.get(k, 0.0) + slope / len(v)
    return penalty, slopes
