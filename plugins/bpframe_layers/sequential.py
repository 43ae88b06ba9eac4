"""Layers in a row as one layer.  Shapes: x (B, *in_shape), y (B, ...) as the last layer gives."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import repeat
from typing import Any, final

import numpy as np

from bpframe.plugin import (
    Activation,
    Array,
    Cache,
    ConfigError,
    Context,
    HostArray,
    LabelledLayers,
    Layer,
    Params,
    Shape,
    chain_auxiliary,
    check_inputs,
    ending_activation,
    fit_buffers,
    init_layers,
    label_layers,
    output_range,
)
from bpframe_layers.held import HeldCache, refreshed, take_after, with_statistics


@final
@dataclass(frozen=True)
class Sequential:
    """y = f_k(... f_2(f_1(x))); dx = the slopes handed back from f_k to f_1.

    Parameters stand under each layer's label, made as in a network: dense_1, dense_2, ...
    """

    layers: tuple[Layer, ...]
    inner: LabelledLayers = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.layers:
            raise ConfigError("sequential needs at least one layer, got none.")
        object.__setattr__(self, "layers", tuple(self.layers))
        object.__setattr__(self, "inner", label_layers(self.layers, "sequential"))
        take_after(self, self.inner)

    @property
    def removes_offset(self) -> bool:
        """Whether its first layer does."""
        return bool(getattr(self.inner[0][1], "removes_offset", False))

    @classmethod
    def example_configs(cls) -> list[dict[str, Any]]:
        """A few layers, with and without parameters."""
        dense = {"name": "dense", "units": 4, "activation": "tanh"}
        return [{"layers": [dense, "layer_norm", {"name": "dense", "units": 3}]}, {"layers": ["dropout", "batch_norm"]}]

    def init(self, rng: np.random.Generator, in_shape: Shape) -> tuple[Params, Shape]:
        """Each layer's parameters by its label, drawn in order."""
        return init_layers(self.inner, repeat(rng), in_shape)

    def check_inputs(self, x: HostArray) -> HostArray | None:
        """What its layers say of the rows, as far as they see them."""
        return check_inputs(self.inner, x, "")

    def range_after(self, inputs: str | None) -> str | None:
        """That of the last layer."""
        return output_range(self.inner, inputs)

    @property
    def ending_activation(self) -> Activation | Layer | None:
        """That in which its layers end."""
        return ending_activation(self.inner)

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Cache]:
        """(y, what each layer keeps)."""
        y, caches = x, []
        for (label, layer), own in zip(self.inner, self._contexts(params, context), strict=True):
            y, cache = layer.forward(params.get(label, {}), y, own)
            caches.append(HeldCache(cache, own.training))
        return y, caches

    def backward(self, params: Params, cache: Cache, dy: Array, context: Context) -> tuple[Array | None, Params]:
        """(dx or None, gradients by label); without need_dx it ends at the lowest layer with something to train."""
        gradients: Params = {}
        dx: Array | None = dy
        passed = list(zip(self.inner, cache, self._contexts(params, context), strict=True))
        for (label, layer), kept, own in reversed(passed):
            assert dx is not None
            dx, gradients[label] = layer.backward(params.get(label, {}), kept.cache, dx, own)
            if not own.need_dx:
                return None, gradients
        return dx, gradients

    def _auxiliary(self, params: Params, cache: Cache, context: Context) -> tuple[Array, Array | None, Params]:
        """What its layers add to the objective, with the slopes that go back through those below them."""
        caches = [kept.cache for kept in cache]
        return chain_auxiliary(self.inner, params, caches, self._contexts(params, context))

    def _refresh(self, params: Params, cache: Cache) -> Params:
        """The same parameters with the new buffers of the layers inside."""
        return refreshed(self.inner, params, cache)

    def _statistics(self, params: Params, cache: Cache) -> Params:
        """The same parameters with the statistics with which layers inside saw this batch."""
        return with_statistics(self.inner, params, cache)

    def _fit(self, params: Params, x: HostArray) -> Params:
        """The parameters with buffers that layers inside learn, each from what reaches it."""
        return fit_buffers(self.inner, params, x)

    def _weighted_fit(self, params: Params, x: HostArray, weight: HostArray) -> Params:
        """The same of rows with weights."""
        return fit_buffers(self.inner, params, x, weight)

    def _contexts(self, params: Params, context: Context) -> list[Context]:
        trained = (k for k, (label, _) in enumerate(self.inner) if params.get(label, {}).keys() - {"buffers"})
        lowest = -1 if context.need_dx else next(trained, len(self.inner) - 1)
        return [context.child(label, k != lowest) for k, (label, _) in enumerate(self.inner)]
