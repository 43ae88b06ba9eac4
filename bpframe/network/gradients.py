"""The value and the gradients of one batch, the part of a step before the update: the same code for every engine.

Shapes: B rows of a batch; x (B, ...), target (B, C), share (B,) or one number.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, cast, final

from bpframe import ops
from bpframe.network.activity import Activity, activity_penalties, at_least_one
from bpframe.network.auxiliary import auxiliary_losses
from bpframe.network.backprop import NO_AUXILIARY, CostLayer, Layers, backward, forward, lowest_trained
from bpframe.network.batch_statistics import buffers_of, refresh_limit, refreshed
from bpframe.network.context import StepContext, frozen_layers, step_contexts
from bpframe.network.guards import GuardedLayer, GuardedLoss, is_foreign
from bpframe.network.scheduled_parts import ScheduledParts
from bpframe.network.ties import sum_gradients
from bpframe.protocols import Auxiliary, Group, Key, Loss, Refresh, SampleTarget
from bpframe.protocols.implements import implements
from bpframe.types import Array, Cache, Params


class Batch(NamedTuple):
    """What a step works on: what its weighted losses are divided by, each row's share, which rows count (None: all).

    Where weights are those of positions, so are share and mask, (B, *S).
    """

    x: Any
    target: Any
    weight: Any
    share: Any
    mask: Any = None


def weight_shares(rows: int, weight: Any = None, by_rows: bool = False) -> tuple[Any, Any]:
    """(the sum of the weights (B,), each row's share of it); one number for all where rows have no weights.

    Weights (B, *S) are those of positions, and so are their shares.
    Where all weights are 0, so are the shares. `by_rows`: shares of the number of rows, for weights whose mean over
    all data is 1 (`bpframe.protocols.Data`).
    """
    if weight is None:
        return float(rows), 1.0 / rows
    if by_rows:
        return float(rows), weight / weight.size
    total = weight.sum()
    return total, weight / (total + (total == 0))


@dataclass(slots=True, eq=False, repr=False)
class LossAndGradients:
    """Mean loss, penalty on activations, scores (B, C), what layers keep, gradients; after a step the weights' penalty.

    No gradients where there was no backward pass. `rows`: how many rows count; `measures` of the update, by an engine.
    """

    loss: Any
    penalty: Any
    scores: Any
    caches: Sequence[Cache]
    gradients: Params | None = None
    weight_penalty: Any = 0.0
    rows: Any = 0
    measures: Sequence[Any] = ()


@final
class Recursion:
    """The recursion through layers and a cost, down to layer number `lowest` that some group trains.

    `parts`: what acts in the place of layers and cost that have scheduled settings; whoever calls holds their values.
    """

    def __init__(
        self, layers: Layers, cost: CostLayer, groups: Sequence[Group], parts: ScheduledParts | None = None
    ) -> None:
        self.layers, self.cost = layers, cost  # what follows acts in their places
        if parts is not None:
            layers, cost = parts.layers, parts.cost
        self._steps = [(label, GuardedLayer(part) if is_foreign("layer", part) else part) for label, part in layers]
        loss = cast(Loss, GuardedLoss(cost.loss)) if is_foreign("loss", cost.loss) else cost.loss
        self._end = replace(cost, loss=loss)
        self._trained = {path for group in groups if group.trains for path in group.paths}
        self._ties = [tie for group in groups if group.trains for tie in group.ties]
        self.lowest = lowest_trained(layers, [*self._trained, *(tie.target for tie in self._ties)])
        self.auxiliary = [(k, label, part) for k, (label, part) in enumerate(layers) if implements(part, Auxiliary)]
        self.refreshing = [(k, label, part) for k, (label, part) in enumerate(layers) if implements(part, Refresh)]

    def contexts(self, key: Key, params: Params, mask: Any = None) -> list[StepContext]:
        """The context of each layer in a step of that key; layers with buffers whose parameters rest do not train.

        `mask`: which rows (B,), or positions (B, *S), of the batch count; None for all.
        """
        frozen = frozenset(frozen_layers(params, self._trained))
        contexts = step_contexts([label for label, _ in self.layers], self.lowest, key, frozen)
        return contexts if mask is None else [context.masked(mask) for context in contexts]

    def moves_buffers(self, contexts: Sequence[StepContext]) -> bool:
        """Whether `refresh` has anything to do."""
        return any(contexts[k].training for k, _, _ in self.refreshing)

    def value_and_gradients(
        self,
        params: Params,
        batch: Batch,
        contexts: Sequence[StepContext],
        activity: Activity = (),
        step: Any = 0,
        back: Callable[[Any], bool] = lambda loss: True,
    ) -> LossAndGradients:
        """The recursion on a batch, after `step` steps; `back`: whether a loss is worth the backward pass."""
        outputs, caches = forward(self._steps, params, batch.x, contexts)
        loss, delta = self._end.mean_and_delta(outputs[-1], batch.target, batch.share)
        result = LossAndGradients(loss, 0.0, outputs[-1], caches, rows=_counted(batch.mask, outputs[-1]))
        if back(loss):
            result.penalty, slopes = activity_penalties(activity, outputs, step, batch.mask)
            own = NO_AUXILIARY
            if self.auxiliary:
                value, own = auxiliary_losses(self.auxiliary, params, caches, contexts)
                result.penalty += value
            result.gradients = backward(self._steps, params, caches, delta, contexts, self.lowest, slopes, own)
            sum_gradients(result.gradients, self._ties)
        return result

    def sampled_gradients(
        self, params: Params, result: LossAndGradients, contexts: Sequence[StepContext], key: Key
    ) -> Params:
        """Gradients for targets that are drawn from the predictions themselves, of rows that count."""
        scores, mask = result.scores, contexts[0].counts
        target = cast(SampleTarget, self._end.loss).sample_target(ops.flat_rows(scores), key)
        if scores.ndim > 2:
            target = ops.namespace(scores).reshape(target, (*scores.shape[:-1], target.shape[-1]))
        share: Any = 1.0 / len(scores)
        if mask is not None:
            xp = ops.namespace(scores)
            share = xp.astype(mask, scores.dtype) / at_least_one(xp.sum(xp.astype(mask, scores.dtype)))
        _, delta = self._end.mean_and_delta(scores, target, share)
        gradients = backward(self._steps, params, result.caches, delta, contexts, self.lowest)
        sum_gradients(gradients, self._ties)
        return gradients

    def refresh(
        self,
        params: Params,
        caches: Sequence[Cache],
        contexts: Sequence[StepContext],
        change: Callable[[Refresh, Params, Cache], Params] = refreshed,
    ) -> Params:
        """The parameters, in which layers that train have moved their buffers, from what they kept on the way up.

        `change`: how; as they do after a step, if left out.
        """
        for k, label, layer in self.refreshing:
            if contexts[k].training:
                params[label] = change(layer, params[label], caches[k])
        return params

    def batch_statistics(self, params: Params, x: Array, key: Key) -> dict[str, Array]:
        """The buffers of layers with running statistics, by "layer/name", with those of rows x alone in their place.

        Rows reach each layer as in a step of training with that key.
        """
        contexts = self.contexts(key, params)
        caches = forward(self._steps, params, x, contexts)[1]
        labels = [label for _, label, _ in self.refreshing]
        return buffers_of(self.refresh(dict(params), caches, contexts, refresh_limit), labels)


def _counted(mask: Any, scores: Array) -> Any:
    """How many rows of scores (B, C) count, or positions of (B, *S, C)."""
    within = math.prod(scores.shape[(1 if mask is None else mask.ndim) : -1])
    return ops.counted_rows(mask, scores) * within if scores.ndim > 2 else ops.counted_rows(mask, scores)
