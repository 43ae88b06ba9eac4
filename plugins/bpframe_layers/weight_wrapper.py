"""Common code of layers that compute the weight of another layer from parameters of their own.

Shapes: weight w (..., m), a matrix (n, m) of all its axes but the last, and that.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bpframe.plugin import Array, ConfigError, Layer, Params, Shape, ShapeError, ops

WEIGHT = "weight"


def take_traits(holder: Layer, layer: Layer) -> None:
    """Let a layer draw, couple rows, and end in an activation as the one inside."""
    for trait in ("stochastic", "coupled"):
        object.__setattr__(holder, trait, getattr(layer, trait, False))
    object.__setattr__(holder, "ending_activation", getattr(layer, "activation", None))


def init_weighted(owner: str, layer: Layer, rng: np.random.Generator, in_shape: Shape) -> tuple[Params, Any, Shape]:
    """(the parameters of the layer without its weight, the weight, the shape of its rows)."""
    params, shape = layer.init(rng, in_shape)
    weight: Any = params.get(WEIGHT)
    if "buffers" in params:
        raise ConfigError(f"{owner} needs a layer without buffers, got {type(layer).__name__}.")
    if np.ndim(weight) < 2:
        names = ", ".join(params) or "no parameters"
        raise ShapeError(f"{owner} needs a layer with a weight of two axes or more, got one with {names}.")
    return {name: value for name, value in params.items() if name != WEIGHT}, weight, shape


def as_matrix(w: Array) -> Any:
    """w as (n, m)."""
    return ops.namespace(w).reshape(w, (-1, w.shape[-1]))
