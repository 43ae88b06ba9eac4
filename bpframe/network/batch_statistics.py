"""Statistics of one batch in the place of running ones, found from what a layer's `refresh` does with its buffers.

b a buffer, any shape; m and s as b.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from bpframe import ops, tree
from bpframe.protocols import Refresh, Statistics
from bpframe.types import Array, Cache, Params

ROUNDING = 64  # units in the last place by which a straight line may bend


def refreshed(layer: Refresh, params: Params, cache: Cache) -> Params:
    """The same parameters with buffers that this batch has moved."""
    return layer.refresh(params, cache)


def refresh_limit(layer: Refresh, params: Params, cache: Cache) -> Params:
    """The same parameters with the buffers to which `refresh` with this cache would lead after ever so many calls.

    A running mean, b <- m b + (1 - m) s with 0 <= m < 1, would come to s: what the batch alone gives. m and s follow
    from where 0, c and 2 c go, c a number as large as those at hand. A buffer that follows another law (a count, say)
    stays as it is.
    """
    buffers = {path: b for path, b in tree.leaves(params) if "buffers" in path and _is_float(b)}

    def moved(new: Mapping[tree.Path, Array]) -> Params:
        return layer.refresh(_replaced(params, new), cache)

    at_0 = moved({path: 0 * b for path, b in buffers.items()})
    c = {path: _size(b, tree.at(at_0, path)) for path, b in buffers.items()}
    at_1, at_2 = moved(c), moved({path: 2 * size for path, size in c.items()})
    return _replaced(
        params,
        {path: _limit(b, c[path], *(tree.at(at, path) for at in (at_0, at_1, at_2))) for path, b in buffers.items()},
    )


def own_statistics(layer: Refresh, params: Params, cache: Cache) -> Params:
    """The same parameters with the statistics with which this batch was seen in training.

    Those to which `refresh` would lead, where a layer does not tell: they may allow for the size of the batch.
    """
    return layer.statistics(params, cache) if isinstance(layer, Statistics) else refresh_limit(layer, params, cache)


def buffers_of(params: Params, labels: Collection[str]) -> dict[str, Array]:
    """The buffers of layers of these labels, by "layer/name"."""
    return {"/".join(path): leaf for path, leaf in tree.leaves(params) if path[0] in labels and "buffers" in path}


def _replaced(params: Params, new: Mapping[tree.Path, Array]) -> Params:
    changed = tree.transform(params, lambda leaf: leaf)
    for path, leaf in new.items():
        tree.assign(changed, path, leaf)
    return changed


def _size(b: Any, at_0: Any) -> Array:
    xp = ops.namespace(b)
    return xp.maximum(xp.maximum(abs(b), abs(at_0)), xp.ones_like(b))


def _limit(b: Array, c: Array, at_0: Any, at_1: Any, at_2: Any) -> Array:
    """s where b is a running mean, otherwise b; `at_k`: where k c goes."""
    xp: Any = ops.namespace(b)
    m: Any = (at_1 - at_0) / c
    size, bend = abs(at_0) + abs(at_1) + abs(at_2), abs(at_2 - 2 * at_1 + at_0)
    eps = float(xp.finfo(b.dtype).eps)
    moving = 1 - m > eps**0.5
    follows = xp.all((bend <= ROUNDING * eps * size) & (m >= 0) & (moving | (m == 1)))
    limit: Array = xp.where(moving & follows, at_0 / xp.where(moving, 1 - m, xp.ones_like(m)), b)
    return limit


def _is_float(leaf: Any) -> bool:
    return bool(leaf.dtype.kind == "f")
