"""Buffers that layers fit to the training rows before the first step, such as means and scales.

Shapes: x (N, *in_shape) all training rows, weight (N,).
"""

from __future__ import annotations

import numpy as np

from bpframe import tree
from bpframe.network.context import EVALUATION
from bpframe.network.guards import view
from bpframe.network.network import LabelledLayers, Network
from bpframe.protocols import Data, Fit, WeightedFit
from bpframe.types import HostArray, Params


def layers_with_fit(layers: LabelledLayers) -> list[int]:
    """Numbers of the layers that learn buffers from data."""
    return [k for k, (_, layer) in enumerate(layers) if isinstance(layer, Fit)]


@np.errstate(all="ignore")  # what overflows here is found by the first step
def fit_buffers(layers: LabelledLayers, params: Params, x: HostArray, weight: HostArray | None = None) -> Params:
    """Parameters with the buffers that layers in a row learn from x, each from what reaches it.

    `weight` (N,): those of the rows, all above 0, for layers that take them into account; None: all alike.
    """
    params, x = dict(params), view(x)  # which may be the user's own array
    last = max(layers_with_fit(layers), default=-1)
    for k, (label, layer) in enumerate(layers[: last + 1]):
        if weight is not None and isinstance(layer, WeightedFit):
            params[label] = layer.weighted_fit(params[label], x, weight)
        elif isinstance(layer, Fit):
            params[label] = layer.fit(params[label], x)
        if k < last:
            x = view(np.asarray(layer.forward(params.get(label, {}), x, EVALUATION)[0]))
    return params


def buffers_by_name(network: Network, params: Params, data: Data) -> dict[str, HostArray]:
    """Every buffer of the network by "layer/name", those that layers learn from x learned from the rows that count."""
    x, weight, mask = data.x, data.sample_weight, data.mask
    if weight is not None and mask is not None:
        x, weight = x[mask], weight[mask]
    if weight is not None and (weight == weight[0]).all():
        weight = None
    fitted = fit_buffers(network.layers, params, x, weight)
    return {"/".join(path): leaf for path, leaf in tree.leaves(fitted) if "buffers" in path}
