"""Auxiliary losses, which layers add to the objective: their values, and what of their slopes goes back.

Shapes: x and dx (B, ...), alike; value 0-d; gradients as of the layer's parameters, of which some may be left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bpframe import tree
from bpframe.network.guards import check_result, view
from bpframe.protocols import Auxiliary, Context, Layer
from bpframe.protocols.implements import implements
from bpframe.types import Array, Cache, Params

Slopes = tuple[Any, Params]  # dx or None, gradients


def auxiliary_losses(
    layers: Sequence[tuple[int, str, Auxiliary]], params: Params, caches: Sequence[Cache], contexts: Sequence[Context]
) -> tuple[Any, Mapping[int, Slopes]]:
    """(the sum of the auxiliary losses of layers that train, their slopes by number of the layer)."""
    total: Any = 0.0
    slopes: dict[int, Slopes] = {}
    for k, label, layer in layers:
        if contexts[k].training:
            own = tree.transform(params[label], view)
            value, dx, gradients = layer.auxiliary(own, caches[k], contexts[k])
            check_result("layer", layer, "auxiliary, value,", value, ())
            for path, g in tree.leaves(gradients):
                what = f"auxiliary, gradient of {'/'.join(path)},"
                check_result("layer", layer, what, g, tree.at(own, path).shape)
            total, slopes[k] = total + value, (dx, gradients)
    return total, slopes


def chain_auxiliary(
    layers: Sequence[tuple[str, Layer]], params: Params, caches: Sequence[Cache], contexts: Sequence[Context]
) -> tuple[Any, Any, Params]:
    """(value, dx or None, gradients by label) of the auxiliary losses of layers in a row, for a layer that holds them.

    Their slopes go back through the layers below by one more call of each one's `backward`.
    """
    total: Any = 0.0
    dx: Any = None
    gradients: Params = {}
    passed = zip(layers, caches, contexts, strict=True)
    for (label, layer), cache, context in reversed(list(passed)):
        own = params.get(label, {})
        if dx is not None:
            dx, gradients[label] = layer.backward(own, cache, dx, context)
        if implements(layer, Auxiliary) and context.training:
            value, slope, more = layer.auxiliary(own, cache, context)
            dx, gradients[label] = with_slopes(dx, gradients.get(label, {}), (slope, more))
            total = total + value
        dx = dx if context.need_dx else None
    return total, dx, gradients


def with_slopes(dx: Array | None, gradients: Params, slopes: Slopes) -> tuple[Any, Params]:
    """(dx, gradients) with these slopes added; what is None, or is left out, is 0."""
    more, own = slopes
    summed = tree.transform(gradients, lambda leaf: leaf)
    for path, g in tree.leaves(own):
        before = _found(gradients, path)
        tree.assign(summed, path, g if before is None else before + g)
    return (more if dx is None else dx if more is None else dx + more), summed


def _found(gradients: object, path: tree.Path) -> Any:
    """The leaf at a path, None where there is none."""
    for key in path:
        gradients = gradients.get(key) if isinstance(gradients, Mapping) else None
    return gradients
