"""The mask check: whether foreign layers leave rows out that do not count, in a fit that has such rows.

Nothing that a layer declares says whether it joins the rows of a batch in training. So it is tried, on a few rows: what
it gives for rows that count must be the same whatever stands in those that do not.
Shapes: x (N, ...) rows, v (B, ...) what reaches a layer, mask (B,).
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import suppress

import numpy as np

from bpframe.data import positions
from bpframe.errors import ConfigError
from bpframe.network.backprop import CostLayer, evaluate
from bpframe.network.context import StepContext
from bpframe.network.guards import is_foreign, view
from bpframe.network.network import Network
from bpframe.protocols import Data, Layer, Session
from bpframe.protocols.traits import is_weighted
from bpframe.random import epoch_key
from bpframe.registry import registry
from bpframe.registry.describe import short_name, title
from bpframe.registry.nested import walk
from bpframe.types import HostArray, Params

COUNTED, MASKED = 6, 2  # rows that are tried


def warn_of_unmasked_layers(network: Network, session: Session, data: Data) -> None:
    """UserWarning for a foreign layer that takes no mask, where some rows of the data do not count."""
    for name in _unmasked_layers(network, session, data):
        remedy = "Leave such rows out of x and y, or have its forward leave out those where context.mask is False."
        warnings.warn(
            f"{name} joins the rows of a batch, also those of sample weight 0, which move what it gives for the "
            f"others. {remedy}",
            UserWarning,
            stacklevel=4,  # the line that called Trainer.fit
        )


def refuse_unpadded_parts(network: Network, cost: CostLayer, session: Session, data: Data) -> None:
    """ConfigError for a layer that takes no mask, or a loss that couples rows and takes no weights.

    Batches that a sampler makes are filled up with rows that do not count.
    """
    padding = "The sampler fills batches up with rows that do not count, but"
    for name in _unmasked_layers(network, session, data):
        raise ConfigError(f"{padding} {name} joins all rows. Have its forward leave out those of context.mask False.")
    few = data.take(np.arange(len(data.x))[:2])
    params = network.params(session.parameters)
    with np.errstate(all="ignore"):
        scores = np.asarray(evaluate(network.layers, params, few.x))
        values = cost.values_and_delta(positions.flat(scores), positions.flat(few.target))[0]
    if np.shape(values) == () and not is_weighted(cost.loss):
        name = short_name(registry, "loss", cost.loss)
        raise ConfigError(f"{padding} {name} couples rows and takes no weights. Take a loss that does, or no sampler.")


def _unmasked_layers(network: Network, session: Session, data: Data) -> Iterator[str]:
    """The foreign layers that take no mask."""
    mask = data.mask
    if mask is None or not any(is_foreign("layer", layer) for _, layer in network.layers):
        return
    params = network.params(session.parameters)
    rows = np.flatnonzero(mask)[:COUNTED]
    v = data.x[np.concatenate([rows, np.repeat(rows[:1], MASKED)])]
    counts = np.arange(len(v)) < len(rows)
    found: list[str] = []
    for label, layer in network.layers:
        context = StepContext(True, True, epoch_key(0, 0).child(0), (label,), mask=counts)
        own = params.get(label, {})
        with np.errstate(all="ignore"), suppress(Exception):  # what a layer cannot take, a step will show
            if is_foreign("layer", layer) and _takes_no_mask(layer, own, v, context):
                found.append(_foreign_name(layer))
            v = np.asarray(layer.forward(own, view(v), context)[0])
    yield from found


def _takes_no_mask(layer: Layer, params: Params, v: HostArray, context: StepContext) -> bool:
    """Whether other values of the rows that do not count move the outputs of those that do."""
    counts = np.asarray(context.mask)
    other = np.where(counts.reshape(-1, *[1] * (v.ndim - 1)), v, v[counts][-1])
    one, two = (np.asarray(layer.forward(params, view(x), context)[0])[counts] for x in (v, other))
    return not np.allclose(one, two, rtol=1e-4, atol=1e-4 * float(np.abs(one).max(initial=0)), equal_nan=True)


def _foreign_name(layer: Layer) -> str:
    foreign = (title(registry, kind, part) for _, kind, part in walk("layer", layer) if not registry.owns(type(part)))
    return next(foreign)
