"""Common code of layers that hold layers: inherited traits, caches and refreshed buffers of inner layers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import NamedTuple

from bpframe.plugin import (
    Auxiliary,
    BlockFit,
    Cache,
    Fit,
    FitByBlocks,
    HostArray,
    LabelledLayers,
    Layer,
    Params,
    Refresh,
    Statistics,
    WeightedFit,
    fit_buffers,
    fit_by_blocks,
    inner_multipliers,
    own_statistics,
)

Blocks = Callable[[], Iterable[tuple[HostArray, HostArray | None]]]


class HeldCache(NamedTuple):
    """What a layer inside keeps, and whether it trained: one whose parameters are frozen does not."""

    cache: Cache
    training: bool


def take_after(holder: Layer, layers: LabelledLayers, *, every_from_x: bool = False) -> None:
    """Let a layer be what those inside are: stochastic, coupled, with buffers to refresh, with buffers to fit.

    Its `_refresh`, `_statistics`, `_fit`, `_weighted_fit` and `_auxiliary` become capabilities, `refresh` and so on,
    only where a layer inside has them: an engine calls them, and passes all training rows, only where they are needed.
    So do its `start` and `fit_blocks`; `every_from_x`: whether each layer inside gets the rows of the holder, rather
    than the next one's.
    """
    for trait in ("stochastic", "coupled"):
        object.__setattr__(holder, trait, any(getattr(layer, trait, False) for _, layer in layers))
    capabilities: dict[str, type] = {"refresh": Refresh, "statistics": Statistics, "auxiliary": Auxiliary}
    capabilities |= {"fit": Fit, "weighted_fit": WeightedFit}
    for name, capability in capabilities.items():
        if any(isinstance(layer, capability) for _, layer in layers):
            object.__setattr__(holder, name, getattr(holder, f"_{name}"))
    if any(isinstance(layer, BlockFit | FitByBlocks) for _, layer in layers):
        object.__setattr__(holder, "fit_blocks", partial(_fitted_by_blocks, layers, every_from_x))
    for name, factors in inner_multipliers(layers).items():
        object.__setattr__(holder, name, factors)
    if any(getattr(layer, "start", None) is not None for _, layer in layers):
        start = partial(_started, layers, every_from_x)
        object.__setattr__(holder, "start", start)


def _fitted_by_blocks(layers: LabelledLayers, every_from_x: bool, params: Params, blocks: Blocks) -> Params:
    """The parameters with buffers of layers inside that learn from the blocks of rows which reach them."""
    if not every_from_x:
        return fit_by_blocks(layers, params, blocks)
    for branch in layers:
        params = fit_by_blocks((branch,), params, blocks)
    return params


def _started(layers: LabelledLayers, every_from_x: bool, params: Params, x: HostArray) -> Params:
    """The parameters with those of layers inside that start from what reaches them."""
    if not every_from_x:
        return fit_buffers(layers, params, x, starts=True)
    for branch in layers:
        params = fit_buffers((branch,), params, x, starts=True)
    return params


def refreshed(layers: LabelledLayers, params: Params, caches: Sequence[HeldCache]) -> Params:
    """The same parameters with the new buffers of the layers inside, those aside that did not train."""
    return _changed(lambda layer, *arguments: layer.refresh(*arguments), layers, params, caches)


def with_statistics(layers: LabelledLayers, params: Params, caches: Sequence[HeldCache]) -> Params:
    """The same parameters with the statistics with which layers inside saw this batch, but for frozen ones."""
    return _changed(own_statistics, layers, params, caches)


def _changed(
    change: Callable[[Refresh, Params, Cache], Params],
    layers: LabelledLayers,
    params: Params,
    caches: Sequence[HeldCache],
) -> Params:
    held = zip(layers, caches, strict=True)
    new = {
        label: change(layer, params[label], kept.cache)
        for (label, layer), kept in held
        if isinstance(layer, Refresh) and kept.training
    }
    return {**params, **new}
