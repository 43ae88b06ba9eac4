"""The mask check: whether foreign layers leave rows out that do not count, in a fit that has such rows.

Nothing that a layer declares says whether it joins the rows of a batch in training. So it is tried, on a few rows: what
it gives for rows that count must be the same whatever stands in those that do not.
Shapes: x (N, ...) rows, v (B, ...) what reaches a layer, mask (B,).
"""

from __future__ import annotations

import warnings
from contextlib import suppress

import numpy as np

from bpframe.network.context import StepContext
from bpframe.network.guards import is_foreign, view
from bpframe.network.network import Network
from bpframe.protocols import Data, Layer, Session
from bpframe.random import epoch_key
from bpframe.registry import registry
from bpframe.registry.describe import title
from bpframe.registry.nested import walk
from bpframe.types import HostArray, Params

COUNTED, MASKED = 6, 2  # rows that are tried


def warn_of_unmasked_layers(network: Network, session: Session, data: Data) -> None:
    """UserWarning for a foreign layer that takes no mask, where some rows of the data do not count."""
    mask = data.mask
    if mask is None or not any(is_foreign("layer", layer) for _, layer in network.layers):
        return
    params = network.params(session.parameters)
    rows = np.flatnonzero(mask)[:COUNTED]
    v = data.x[np.concatenate([rows, np.repeat(rows[:1], MASKED)])]
    counts = np.arange(len(v)) < len(rows)
    for label, layer in network.layers:
        context = StepContext(True, True, epoch_key(0, 0).child(0), (label,), mask=counts)
        own = params.get(label, {})
        with np.errstate(all="ignore"), suppress(Exception):  # what a layer cannot take, a step will show
            if is_foreign("layer", layer) and _takes_no_mask(layer, own, v, context):
                _warn(layer)
            v = np.asarray(layer.forward(own, view(v), context)[0])


def _takes_no_mask(layer: Layer, params: Params, v: HostArray, context: StepContext) -> bool:
    """Whether other values of the rows that do not count move the outputs of those that do."""
    counts = np.asarray(context.mask)
    other = np.where(counts.reshape(-1, *[1] * (v.ndim - 1)), v, v[counts][-1])
    one, two = (np.asarray(layer.forward(params, view(x), context)[0])[counts] for x in (v, other))
    return not np.allclose(one, two, rtol=1e-4, atol=1e-4 * float(np.abs(one).max(initial=0)), equal_nan=True)


def _warn(layer: Layer) -> None:
    foreign = (title(registry, kind, part) for _, kind, part in walk("layer", layer) if not registry.owns(type(part)))
    warnings.warn(
        f"{next(foreign)} joins the rows of a batch, also those of sample weight 0, which move what it gives for the "
        "others. Leave such rows out of x and y, or have its forward leave out those where context.mask is False.",
        UserWarning,
        stacklevel=5,  # the line that called Trainer.fit
    )
