"""Backpropagation (backprop): forward, the slope of the cost, and the backward recursion.

Shapes: B rows of a batch; layer k of K has n_{k-1} inputs and n_k outputs; v_{k-1} (B, n_{k-1}), u_k, v_k and delta_k
(B, n_k), w_k (n_{k-1}, n_k), b_k (n_k,).

    forward     u_k = v_{k-1} w_k + b_k          v_k = phi_k(u_k)
    cost layer  delta_K = dLoss/du_K              (fused with its link: softmax and cross-entropy give p - y)
    backward    delta_k = (delta_{k+1} w_{k+1}^T) * phi_k'(v_k)
    gradients   dw_k = v_{k-1}^T delta_k          db_k = sum of delta_k over the batch
    update      w_k <- w_k - lr dw_k              (or any other optimizer)

A dense layer holds its own share of these lines; here they are chained: a layer's gradient uses only its own cache,
the gradient handed back to it and its own weights.
Source: Rumelhart, Hinton and Williams (1986), Learning representations by back-propagating errors.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import cast, final

import numpy as np

from bpframe import ops
from bpframe.errors import ConfigError
from bpframe.network import position_shares
from bpframe.network.auxiliary import Slopes, with_slopes
from bpframe.network.context import EVALUATION
from bpframe.protocols import (
    Activation,
    ClassTargets,
    Context,
    EncodeTarget,
    Fields,
    Layer,
    Loss,
    SeveralHeads,
    TargetWidth,
)
from bpframe.protocols.implements import implements
from bpframe.protocols.traits import is_weighted, takes_class_numbers
from bpframe.registry import build
from bpframe.registry.labelled import unlabelled
from bpframe.registry.of_fields import of_one_array
from bpframe.types import Array, Cache, Params, Shape

NO_PENALTIES: Mapping[int, Array] = MappingProxyType({})
NO_AUXILIARY: Mapping[int, Slopes] = MappingProxyType({})
Layers = Sequence[tuple[str, Layer]]  # (label, layer), in the order of the forward pass


def forward(layers: Layers, params: Params, x: Array, contexts: Sequence[Context]) -> tuple[list[Array], list[Cache]]:
    """(v_1 ... v_K, what each layer keeps for the backward pass): v_k = layer_k(v_{k-1}), v_0 = x (B, n_0)."""
    v, outputs, caches = x, [], []
    for (label, layer), context in zip(layers, contexts, strict=True):
        v, cache = layer.forward(params[label], v, context)
        outputs.append(v)
        caches.append(cache)
    return outputs, caches


def backward(
    layers: Layers,
    params: Params,
    caches: Sequence[Cache],
    dy: Array,
    contexts: Sequence[Context],
    lowest: int = 0,
    penalties: Mapping[int, Array] = NO_PENALTIES,
    auxiliary: Mapping[int, Slopes] = NO_AUXILIARY,
) -> Params:
    """Gradients of every layer from dy = dLoss/dv_K down to layer number `lowest`, as a tree like params.

    `penalties`: the slope of what is added to the loss for the output of layer k, by k; `auxiliary`: slopes in the
    inputs and parameters of layer k of what it adds itself.
    """
    gradients: Params = {}
    for k, (label, layer) in reversed(list(enumerate(layers))[lowest:]):
        if k in penalties:
            dy = dy + penalties[k]
        dx, gradients[label] = layer.backward(params[label], caches[k], dy, contexts[k])
        if k in auxiliary:
            dx, gradients[label] = with_slopes(dx, gradients[label], auxiliary[k])
        if dx is None:
            break
        dy = dx
    return gradients


def lowest_trained(layers: Layers, trained: Iterable[Sequence[str]]) -> int:
    """Number of the lowest layer with parameters to train, by their paths: the backward pass stops there."""
    labels = {path[0] for path in trained}
    return min((k for k, (label, _) in enumerate(layers) if label in labels), default=len(layers))


def evaluate(layers: Layers, params: Params, x: Array) -> Array:
    """v_K in evaluation mode; what lies between is let go of on the way."""
    for label, layer in layers:
        x = layer.forward(params[label], x, EVALUATION)[0]
    return x


@final
@dataclass(frozen=True)
class Elementwise:
    """An activation as a layer: v = phi(u) is kept, and du = dv * phi'(v)."""

    phi: Activation

    def init(self, rng: np.random.Generator, in_shape: Shape) -> tuple[Params, Shape]:
        """No parameters; rows keep their shape."""
        return {}, in_shape

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Cache]:
        """(v, v)."""
        v = self.phi.value(x)
        return v, v

    def backward(self, params: Params, cache: Cache, dy: Array, context: Context) -> tuple[Array | None, Params]:
        """dy * phi'(v)."""
        return dy * self.phi.derivative(cache), {}


def as_layer(activation: Activation | Layer) -> Layer:
    """The layer form of either: a layer is itself, a value-based activation is wrapped."""
    return cast(Layer, activation) if hasattr(activation, "forward") else Elementwise(activation)


@final
@dataclass(frozen=True)
class CostLayer:
    """A loss joined with its link, the activation from scores to predictions."""

    loss: Loss
    link: Layer
    one_hot: bool = False  # whether class numbers become columns, since the loss does not take them as they are

    @staticmethod
    def of(loss: Loss) -> CostLayer:
        """The loss with the link that it names, or brings ready-made."""
        one_hot = has_class_columns(loss) and not takes_class_numbers(loss)
        return CostLayer(of_one_array(loss), as_layer(build("activation", loss.link)), one_hot)

    def prediction(self, scores: Array) -> Array:
        """link(scores): probabilities, means, shape of scores (B, *S, C)."""
        prediction = self.link.forward({}, ops.flat_rows(scores), EVALUATION)[0]
        return prediction if scores.ndim == 2 else ops.namespace(scores).reshape(prediction, scores.shape)

    def values_and_delta(self, scores: Array, target: Array, *weight: Array) -> tuple[Array, Array]:
        """What the loss gives for the rows of scores (B, C) and target (B, M), class numbers (B, 1) among them."""
        if self.one_hot and target.shape[1] == 1 < scores.shape[1]:
            target = one_hot_rows(target, scores)
        return self.loss.value_and_delta(ops.by_columns(scores), ops.by_columns(target), *weight)

    def mean_and_delta(self, scores: Array, target: Array, share: Array | float) -> tuple[Array, Array]:
        """(sum_i share_i loss_i, its slope in the scores (B, C)); share_i = w_i / sum w, (B,), or 1 / B for all.

        Of scores (B, *S, C) the mean over the positions of a row is its loss; a share (B, *S) is that of a position.
        A loss that couples its rows gives one value, which stands as it is; its rows have no weights of their own,
        unless it takes them.
        """
        if scores.ndim > 2:
            return self._of_positions(scores, target, share)
        if not isinstance(share, float) and is_weighted(self.loss):
            return self.values_and_delta(scores, target, share)
        values, delta = self.values_and_delta(scores, target)
        if values.ndim == 0:
            if not isinstance(share, float):
                name = type(unlabelled(self.loss)).__name__
                raise ConfigError(f"{name} couples the rows of a batch, which have no weights then. Leave them out.")
            return values, delta
        xp = ops.namespace(scores)
        return xp.sum(values * share), delta * (share if isinstance(share, float) else share[:, None])

    def _of_positions(self, scores: Array, target: Array, share: Array | float) -> tuple[Array, Array]:
        rows, wanted = ops.flat_rows(scores), ops.flat_rows(target)
        shares = position_shares.flat_shares(share, scores.shape[:-1])
        if not isinstance(share, float) and share.ndim > 1:
            rows, wanted = position_shares.stand_ins(rows, shares), position_shares.stand_ins(wanted, shares)
        mean, delta = self.mean_and_delta(rows, wanted, shares)
        return mean, ops.namespace(scores).reshape(delta, scores.shape)


def has_class_columns(loss: Loss) -> bool:
    """Whether the targets of a loss are a column a class, for which class numbers may stand."""
    own = (EncodeTarget, ClassTargets, TargetWidth, SeveralHeads, Fields)
    return loss.link == "softmax" and not any(implements(loss, each) and isinstance(loss, each) for each in own)


def one_hot_rows(numbers: Array, scores: Array) -> Array:
    """Class numbers (B, 1) as rows with a single 1, shape and dtype of scores (B, C); rows of NaN for NaN."""
    xp = ops.namespace(scores)
    classes = xp.arange(scores.shape[-1], dtype=scores.dtype, **ops.placement(scores))
    return xp.astype(classes == numbers, scores.dtype) + 0 * numbers
