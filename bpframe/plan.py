"""What a fit decides before its first step: groups of parameters, the order of rows, buffers learned from data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bpframe import random, tree
from bpframe.backprop import CostLayer, Elementwise, as_layer
from bpframe.context import EVALUATION
from bpframe.errors import ConfigError, DataError
from bpframe.network import Network
from bpframe.protocols import Data, Fit, Group, Loss, Sampler
from bpframe.registry import registry
from bpframe.registry.describe import short_name
from bpframe.types import HostArray, Params


def groups(params: Params, parts: Sequence[Sequence[Any]]) -> list[Group]:
    """Weights, which regularizers and constraints act on, and the rest (biases, scales), which they leave alone.

    `parts`: optimizer, gradient steps, regularizers, constraints.
    """
    (rule,), steps, regularizers, constraints = parts
    trained = [path for path, _ in tree.leaves(params) if "buffers" not in path]
    if not regularizers and not constraints:
        return [Group(tuple(trained), rule, tuple(steps))]
    weights = tuple(path for path in trained if path[-1] == "weight")
    rest = tuple(path for path in trained if path[-1] != "weight")
    return [
        Group(weights, rule, tuple(steps), tuple(regularizers), tuple(constraints)),
        Group(rest, rule, tuple(steps)),
    ]


def order(seed: int, epoch: int, seen: Data, shuffle: bool, sampler: Sampler | None) -> HostArray:
    """The row numbers of an epoch in their order; it depends on seed, epoch and data alone."""
    n = len(seen.x)
    generator = random.host_generator(seed, random.ORDER, epoch)
    if sampler is not None:
        weight = np.ones(n) if seen.weight is None else seen.weight
        rows = np.asarray(sampler.order(generator, seen.target, weight))
        if rows.ndim != 1 or rows.dtype.kind not in "iu" or not rows.size or rows.min() < 0 or rows.max() >= n:
            raise DataError(f"{type(sampler).__name__} needs to give row numbers from 0 to {n - 1}, got {rows!r}.")
        return rows
    return random.permutation(generator, n) if shuffle else np.arange(n)


def rows(seen: Data, numbers: HostArray) -> Data:
    """Some rows of the data."""
    return Data(seen.x[numbers], seen.target[numbers], None if seen.weight is None else seen.weight[numbers])


def learned_buffers(network: Network, params: Params, x: HostArray) -> dict[str, HostArray]:
    """Buffers that layers learn from the training rows, by "layer/name", each from what reaches its layer."""
    learned: dict[str, HostArray] = {}
    last = max((k for k, (_, layer) in enumerate(network.layers) if isinstance(layer, Fit)), default=-1)
    for label, layer in network.layers[: last + 1]:
        if isinstance(layer, Fit):
            params = {**params, label: layer.fit(params[label], x)}
            learned |= tree.flatten({label: params[label]})
        x = np.asarray(layer.forward(params[label], x, EVALUATION)[0])
    return learned


def refuse_double_link(network: Network, cost: CostLayer, loss: Loss) -> None:
    """ConfigError for a network that ends in the activation that its loss's link applies anyway."""
    label, last = network.layers[-1]
    activation = getattr(last, "activation", None)
    link = cost.link.phi if isinstance(cost.link, Elementwise) else as_layer(cost.link)
    if activation is None or loss.link == "identity" or type(activation) is not type(link):
        return
    name = short_name(registry, "loss", loss)
    raise ConfigError(
        f"The network ends in {loss.link} (layer '{label}'), and the loss {name} applies {loss.link} to its scores "
        f"itself: that would be twice. Leave the activation of '{label}' out, or take a loss on predictions: mse, or "
        "cross_entropy for probabilities."
    )
