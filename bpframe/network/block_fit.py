"""Fit by blocks: buffers that layers learn from rows which need not be in memory together.

Shapes: a block is x (N, *in_shape) and weight (N,), or None where all rows of all blocks are alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial, reduce
from typing import Any

import numpy as np

from bpframe.errors import ConfigError
from bpframe.network.context import EVALUATION
from bpframe.network.fit_buffers import layers_with_fit
from bpframe.network.guards import view
from bpframe.network.network import LabelledLayers
from bpframe.protocols import BlockFit, DataStart, Fit, FitByBlocks, Refresh
from bpframe.protocols.implements import implements
from bpframe.types import HostArray, Params

Block = tuple[HostArray, HostArray | None]
Blocks = Callable[[], Iterable[Block]]


@np.errstate(all="ignore")  # what overflows here is found by the first step
def fit_by_blocks(layers: LabelledLayers, params: Params, blocks: Blocks) -> Params:
    """Parameters with the buffers that layers in a row learn, each from the blocks that will reach it.

    `blocks` is called once for each layer that learns. ConfigError for a layer that needs all rows at once.
    """
    params, learning = dict(params), layers_with_fit(layers)
    for k, (label, layer) in enumerate(layers[: max(learning, default=-1) + 1]):
        reaching: Blocks = partial(_reaching, layers[:k], dict(params), blocks)
        if k in learning:
            params[label] = _learned(label, layer, params.get(label, {}), reaching)
        elif implements(layer, Refresh):
            _refuse(label, "whose statistics of all rows the layers behind it learn from")
    return params


def _learned(label: str, layer: Any, own: Params, blocks: Blocks) -> Params:
    """The parameters of one layer that learns."""
    if implements(layer, DataStart):
        _refuse(label, "whose parameters start from all rows")
    if implements(layer, FitByBlocks):
        held: Params = layer.fit_blocks(own, blocks)
        return held
    if not implements(layer, BlockFit):
        assert implements(layer, Fit)
        _refuse(label, "which learns from all rows at once: it has no fit_block, merge and fit_merged")
    known = reduce(layer.merge, (layer.fit_block(own, x, weight) for x, weight in blocks()))
    fitted: Params = layer.fit_merged(own, known)
    return fitted


def _reaching(layers: LabelledLayers, params: Params, blocks: Blocks) -> Iterator[Block]:
    """The blocks as these layers hand them on."""
    for x, weight in blocks():
        for label, layer in layers:
            x = np.asarray(layer.forward(params.get(label, {}), view(x), EVALUATION)[0])
        yield view(x), weight


def _refuse(label: str, what: str) -> None:
    raise ConfigError(f"Blocks of rows do not suffice for '{label}', {what}. Let fit see all rows, without fit_layers.")
