"""What a fit decides before its first step: the order of rows, buffers learned from data."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from bpframe import random, tree
from bpframe.data.arrays import frozen
from bpframe.engine.optimizer_chain import chain
from bpframe.errors import ConfigError, DataError
from bpframe.network.backprop import CostLayer, Elementwise, as_layer
from bpframe.network.network import Network, fit_buffers
from bpframe.protocols import Data, Draws, Group, Loss, Observe, Sampler, SampleTarget
from bpframe.protocols.traits import activation_of, needs_whole_batch
from bpframe.registry import registry
from bpframe.registry.describe import short_name, title
from bpframe.types import HostArray, Params


def orders(seed: int, seen: Data, shuffle: bool, sampler: Sampler | None) -> Callable[[int], HostArray]:
    """The row numbers of each epoch in their order, by its number; they depend on seed, epoch and data alone."""
    n = len(seen.x)
    about = frozen(seen.target), frozen(np.ones(n) if seen.weight is None else seen.weight)
    own = sampler if isinstance(sampler, Draws) else None
    lengths: set[int] = set()

    @lru_cache(maxsize=1)  # the latest is kept
    def order(epoch: int) -> HostArray:
        if own is not None:
            rows = _rows(own, own.epoch_rows(epoch, n), n)
            lengths.add(len(rows))
            if len(lengths) > 1:
                who = title(registry, "sampler", own)
                raise DataError(f"{who} needs to give as many rows for every epoch, got {sorted(lengths)}.")
            return rows
        if sampler is None and not shuffle:
            return np.arange(n)
        generator = random.host_generator(seed, random.ORDER, epoch)
        return (
            random.permutation(generator, n) if sampler is None else _rows(sampler, sampler.order(generator, *about), n)
        )

    return order


def _rows(sampler: Any, given: Any, n: int) -> HostArray:
    """The row numbers that a sampler gave; DataError where they are none."""
    rows = np.asarray(given)
    if rows.ndim != 1 or rows.dtype.kind not in "iu" or not rows.size or _unsigned(rows).max() >= n:
        who = title(registry, "sampler", sampler)
        raise DataError(f"{who} needs to give row numbers from 0 to {n - 1}, got {rows!r}.")
    return rows


def _unsigned(rows: HostArray) -> HostArray:
    """Numbers below 0 as very large ones."""
    return rows.view(f"u{rows.itemsize}")


def rows(seen: Data, numbers: HostArray) -> Data:
    """Some rows of the data."""
    return Data(seen.x[numbers], seen.target[numbers], None if seen.weight is None else seen.weight[numbers])


def learned_buffers(network: Network, params: Params, x: HostArray) -> dict[str, HostArray]:
    """Buffers by "layer/name", those that layers learn from the training rows among them as learned."""
    made = fit_buffers(network.layers, params, x)
    return {"/".join(path): leaf for path, leaf in tree.leaves(made) if "buffers" in path}


def refuse_double_link(network: Network, cost: CostLayer, loss: Loss) -> None:
    """ConfigError for a network that ends in the activation that its loss's link applies anyway."""
    label, last = network.layers[-1]
    activation = activation_of(last)
    link = cost.link.phi if isinstance(cost.link, Elementwise) else as_layer(cost.link)
    if activation is None or loss.link == "identity" or type(activation) is not type(link):
        return
    name = short_name(registry, "loss", loss)
    raise ConfigError(
        f"The network ends in {loss.link} (layer '{label}'), and the loss {name} applies {loss.link} to its scores "
        f"itself: that would be twice. Leave the activation of '{label}' out, or take a loss on predictions: mse, or "
        "cross_entropy or binary_cross_entropy for probabilities."
    )


def refuse_unsampled(groups: Sequence[Group], loss: Loss) -> None:
    """ConfigError for a rule that looks at drawn targets, with a loss that cannot draw any."""
    for group in groups:
        if group.rule is None or isinstance(loss, SampleTarget):
            continue
        if any(isinstance(link.rule, Observe) for link in chain(group.rule)):
            raise ConfigError(
                f"{short_name(registry, 'optimizer', group.rule)} needs a loss that draws targets (sample_target), "
                f"got {short_name(registry, 'loss', loss)}. Take softmax_cross_entropy, sigmoid_cross_entropy or mse."
            )


def refuse_missing_curves(monitored: Iterable[str], known: Iterable[str]) -> None:
    """ConfigError for a schedule that follows a curve which the run will not have."""
    known = list(known)
    for curve in sorted(set(monitored) - set(known)):
        remedy = " Give the fit validation data." if curve.startswith("validation.") else ""
        raise ConfigError(f"A schedule monitors '{curve}', but the run has {', '.join(known)}.{remedy}")


def warn_of_part_batches(rules: Iterable[Any], size: int, rows: int) -> None:
    """UserWarning for a rule that compares gradients of one step with the next, on batches that differ."""
    for rule in rules:
        if size < rows and any(needs_whole_batch(link.rule) for link in chain(rule)):
            name = short_name(registry, "optimizer", rule)
            warnings.warn(
                f"{name} needs the same objective at each step: set batch_size to {rows} rows or more, got {size}.",
                stacklevel=3,
            )
