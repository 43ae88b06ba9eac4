"""An activation as a layer of its own.  Shapes: x and y (B, ...), alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from bpframe.plugin import Activation, Array, Cache, Context, Layer, Params, Shape, as_layer


@final
@dataclass(frozen=True)
class ActivationLayer:
    """y = phi(x), dx = dy * phi'(y) for a value-based phi; softmax and its like bring their own backward pass."""

    activation: Activation | Layer

    def init(self, rng: np.random.Generator, in_shape: Shape) -> tuple[Params, Shape]:
        """The activation's parameters, if it has any."""
        return as_layer(self.activation).init(rng, in_shape)

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Cache]:
        """(phi(x), what phi keeps)."""
        return as_layer(self.activation).forward(params, x, context)

    def backward(self, params: Params, cache: Cache, dy: Array, context: Context) -> tuple[Array | None, Params]:
        """(dx, gradients of phi's parameters)."""
        return as_layer(self.activation).backward(params, cache, dy, context)
