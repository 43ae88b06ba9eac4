"""Buffers that layers fit to the training rows before the first step, such as means and scales.

And parameters that start from these rows.

Shapes: x (N, *in_shape) all training rows, weight (N,).
"""

from __future__ import annotations

from collections.abc import Container

import numpy as np

from bpframe import tree
from bpframe.network.batch_statistics import own_statistics
from bpframe.network.context import EVALUATION, StepContext, frozen_layers
from bpframe.network.guards import view
from bpframe.network.network import LabelledLayers, Network
from bpframe.protocols import Data, DataStart, Fit, Layer, Refresh, WeightedFit
from bpframe.protocols.implements import implements
from bpframe.random import HashKey
from bpframe.types import Array, HostArray, Params


def layers_with_fit(layers: LabelledLayers) -> list[int]:
    """Numbers of the layers that learn buffers from data, or start from them."""
    return [k for k, (_, layer) in enumerate(layers) if implements(layer, Fit) or implements(layer, DataStart)]


@np.errstate(all="ignore")  # what overflows here is found by the first step
def fit_buffers(
    layers: LabelledLayers,
    params: Params,
    x: HostArray,
    weight: HostArray | None = None,
    frozen: frozenset[tree.Path] = frozenset(),
    starts: bool = False,
) -> Params:
    """Parameters with the buffers that layers in a row learn from x, each from what will reach it.

    `weight` (N,): those of the rows, all above 0, for layers that take them into account; None: all alike. Layers with
    running statistics, but for those at the paths `frozen`, hand on x by the statistics of x, to which their own, kept
    as they are, will come; layers that draw in training do not. `starts`: whether parameters start from x, too.
    """
    params, x = dict(params), view(x)  # which may be the user's own array
    last = max(layers_with_fit(layers), default=-1)
    for k, (label, layer) in enumerate(layers[: last + 1]):
        own = params.get(label, {})
        if starts and implements(layer, DataStart):
            params[label] = own = layer.start(own, x)
        if weight is not None and implements(layer, WeightedFit):
            params[label] = own = layer.weighted_fit(own, x, weight)
        elif implements(layer, Fit):
            params[label] = own = layer.fit(own, x)
        if k < last:
            x = view(np.asarray(_handed_on(label, layer, own, x, frozen)))
    return params


def _handed_on(label: str, layer: Layer, own: Params, x: HostArray, frozen: frozenset[tree.Path]) -> Array:
    """What a layer will hand on, with statistics of x where it has running ones that train."""
    context = StepContext(True, True, HashKey(0, 0), (label,), frozen)
    if implements(layer, Refresh) and context.training:
        own = own_statistics(layer, own, layer.forward(own, x, context)[1])
    return layer.forward(own, x, EVALUATION)[0]


def buffers_by_name(
    network: Network, params: Params, data: Data, trained: Container[tree.Path]
) -> dict[str, HostArray]:
    """Every buffer of the network by "layer/name", those that layers learn from x learned from the rows that count.

    Parameters of layers that start from these rows are among them. `trained`: the paths of trained parameters.
    """
    x, weight, mask = data.x, data.sample_weight, data.mask
    if weight is not None and mask is not None:
        x, weight = x[mask], weight[mask]
    if weight is not None and (weight.ndim > 1 or (weight == weight[0]).all()):  # those of positions tell no rows apart
        weight = None
    fitted = fit_buffers(network.layers, params, x, weight, frozenset(frozen_layers(params, trained)), True)
    started = {label for label, layer in network.layers if implements(layer, DataStart)}
    return {"/".join(path): leaf for path, leaf in tree.leaves(fitted) if "buffers" in path or path[0] in started}
