"""A readable sample of units: which of a wide layer are shown in the derivation of one row.

Those stand for the others whose value and gradient weigh most in this row; a layer that keeps units apart, as an
activation or dropout does, shows those of the layer above it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bpframe.network.derivation.row_pass import LayerPass
from bpframe.types import HostArray

Units = tuple[int, ...]


def unit_samples(layers: Sequence[LayerPass], most: int) -> list[Units]:
    """Units of the input, and of the output of each layer: at most so many of each, in order."""
    samples = [heaviest(_weight(layers[-1].v, layers[-1].dv), most)]
    for k in reversed(range(len(layers))):
        layer = layers[k]
        apart = layer.x.size == layer.v.size and not any(p.ndim > 1 for p in layer.parameters.values())
        below = layers[k - 1].dv if k else layer.dx
        samples.append(samples[-1] if apart else heaviest(_weight(layer.x, below), most))
    return samples[::-1]


def heaviest(weight: HostArray, most: int) -> Units:
    """The numbers of the `most` heaviest entries, in order; of equal ones the first."""
    weight = np.nan_to_num(weight.reshape(-1), nan=np.inf, posinf=np.inf)
    return tuple(sorted(np.argsort(-weight, kind="stable")[:most].tolist()))


def _weight(v: HostArray, dv: HostArray | None) -> HostArray:
    """|dL/dv| (|v| + mean |v|): what a unit adds to the loss, and what its gradient would."""
    size = np.abs(v)
    return size if dv is None else np.abs(dv) * (size + size.mean())
