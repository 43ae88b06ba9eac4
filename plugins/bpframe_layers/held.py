"""Common code of layers that hold layers: inherited traits, contexts of inner layers, refreshed buffers."""

from __future__ import annotations

from collections.abc import Sequence

from bpframe.plugin import Cache, Context, Fit, LabelledLayers, Layer, Params, Refresh, StepContext


def take_after(holder: Layer, layers: LabelledLayers) -> None:
    """Let a layer be what those inside are: stochastic, coupled, with buffers to refresh, with buffers to fit.

    Its `_refresh` and `_fit` become capabilities, `refresh` and `fit`, only where a layer inside has them: an engine
    calls them, and passes all training rows, only where they are needed.
    """
    for trait in ("stochastic", "coupled"):
        object.__setattr__(holder, trait, any(getattr(layer, trait, False) for _, layer in layers))
    for name, capability in (("refresh", Refresh), ("fit", Fit)):
        if any(isinstance(layer, capability) for _, layer in layers):
            object.__setattr__(holder, name, getattr(holder, f"_{name}"))


def inner_context(context: Context, label: str, need_dx: bool) -> Context:
    """The context of the layer of that label inside; with or without need_dx its randomness is the same."""
    return context.child(label) if need_dx else StepContext(context.training, False, context.key, (label,))


def refreshed(layers: LabelledLayers, params: Params, caches: Sequence[Cache]) -> Params:
    """The same parameters with the new buffers of the layers inside."""
    held = zip(layers, caches, strict=True)
    new = {label: layer.refresh(params[label], cache) for (label, layer), cache in held if isinstance(layer, Refresh)}
    return {**params, **new}
