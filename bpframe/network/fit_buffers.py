"""Buffers that layers fit to the training rows before the first step, such as means and scales.

Shapes: x (N, *in_shape) all training rows.
"""

from __future__ import annotations

import numpy as np

from bpframe import tree
from bpframe.network.context import EVALUATION
from bpframe.network.guards import view
from bpframe.network.network import LabelledLayers, Network
from bpframe.protocols import Fit
from bpframe.types import HostArray, Params


def layers_with_fit(layers: LabelledLayers) -> list[int]:
    """Numbers of the layers that learn buffers from data."""
    return [k for k, (_, layer) in enumerate(layers) if isinstance(layer, Fit)]


@np.errstate(all="ignore")  # what overflows here is found by the first step
def fit_buffers(layers: LabelledLayers, params: Params, x: HostArray) -> Params:
    """Parameters with the buffers that layers in a row learn from x, each from what reaches it."""
    params, x = dict(params), view(x)  # which may be the user's own array
    for label, layer in layers[: max(layers_with_fit(layers), default=-1) + 1]:
        if isinstance(layer, Fit):
            params[label] = layer.fit(params[label], x)
        x = view(np.asarray(layer.forward(params.get(label, {}), x, EVALUATION)[0]))
    return params


def buffers_by_name(network: Network, params: Params, x: HostArray) -> dict[str, HostArray]:
    """Every buffer of the network by "layer/name", those that layers learn from x learned."""
    fitted = fit_buffers(network.layers, params, x)
    return {"/".join(path): leaf for path, leaf in tree.leaves(fitted) if "buffers" in path}
