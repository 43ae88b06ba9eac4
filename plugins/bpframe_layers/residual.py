"""Residual block: layers with a skip connection.  Shapes: x and y (B, ...), alike."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, final

import numpy as np

from bpframe.plugin import (
    Array,
    Cache,
    ConfigError,
    Context,
    HostArray,
    Layer,
    Params,
    Shape,
    ShapeError,
    fit_buffers,
    label_layers,
)
from bpframe_layers.held import refreshed, take_after, with_statistics
from bpframe_layers.sequential import Sequential


@final
@dataclass(frozen=True)
class Residual:
    """y = x + f(x), dx = dy + (df/dx)^T dy, f the layers one after the other; f must keep the shape of a row.

    Parameters stand under each layer's label, made as in a network: dense_1, dense_2, ...
    Source: He, Zhang, Ren and Sun (2016), arXiv:1512.03385, equation 1.
    """

    layers: tuple[Layer, ...]
    chain: Sequential = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.layers:
            raise ConfigError("residual needs at least one layer, got none.")
        object.__setattr__(self, "layers", tuple(self.layers))
        label_layers(self.layers, "residual")  # so that an error about labels names this layer, not the one inside
        object.__setattr__(self, "chain", Sequential(self.layers))
        take_after(self, self.chain.inner)

    @classmethod
    def example_configs(cls) -> list[dict[str, Any]]:
        """Layers that keep rows of 5 numbers."""
        dense = {"name": "dense", "units": 5, "activation": "tanh"}
        return [{"layers": ["batch_norm", dense, "dropout"]}]

    def init(self, rng: np.random.Generator, in_shape: Shape) -> tuple[Params, Shape]:
        """Each layer's parameters by its label; rows keep their shape."""
        params, shape = self.chain.init(rng, in_shape)
        if shape != in_shape:
            raise ShapeError(f"residual needs layers that keep the shape of a row, {in_shape}, but they give {shape}.")
        return params, shape

    def check_inputs(self, x: HostArray) -> None:
        """What its layers say of the rows, as far as they see them."""
        self.chain.check_inputs(x)

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Cache]:
        """(x + f(x), what the layers keep)."""
        y, cache = self.chain.forward(params, x, context)
        return x + y, cache

    def backward(self, params: Params, cache: Cache, dy: Array, context: Context) -> tuple[Array | None, Params]:
        """(dy + what the layers hand back, or None; gradients by label)."""
        dx, gradients = self.chain.backward(params, cache, dy, context)
        return (None if dx is None else dy + dx), gradients

    def _auxiliary(self, params: Params, cache: Cache, context: Context) -> tuple[Array, Array | None, Params]:
        """What its layers add to the objective; none of it goes through the skip connection."""
        return self.chain._auxiliary(params, cache, context)

    def _refresh(self, params: Params, cache: Cache) -> Params:
        """The same parameters with the new buffers of the layers inside."""
        return refreshed(self.chain.inner, params, cache)

    def _statistics(self, params: Params, cache: Cache) -> Params:
        """The same parameters with the statistics with which layers inside saw this batch."""
        return with_statistics(self.chain.inner, params, cache)

    def _fit(self, params: Params, x: HostArray) -> Params:
        """The parameters with buffers that layers inside learn, each from what reaches it."""
        return fit_buffers(self.chain.inner, params, x)

    def _weighted_fit(self, params: Params, x: HostArray, weight: HostArray) -> Params:
        """The same of rows with weights."""
        return fit_buffers(self.chain.inner, params, x, weight)
