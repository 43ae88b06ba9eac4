"""A spy in the place of a layer's activation, which notes u, v, delta and what makes delta of dLoss/dv."""

from __future__ import annotations

import copy
from typing import Any, final

import numpy as np

from bpframe.network.backprop import Layers, as_layer
from bpframe.network.context import EVALUATION
from bpframe.protocols import Activation, Context, Layer
from bpframe.protocols.traits import WithActivation
from bpframe.types import Array, Cache, HostArray, Params, Shape

WIDEST = 128  # units of a layer whose Jacobian is shown


@final
class ActivationSpy:
    """An activation as a layer that notes its input u, its value v, and the delta it hands back.

    A layer that asks its activation for values itself, at each step of a row, say, gets them, and nothing is noted.
    """

    def __init__(self, activation: Activation | Layer | None) -> None:
        self.activation, self.inner = activation, None if activation is None else as_layer(activation)
        self.seen: dict[str, Any] = {}
        self._kept: tuple[Params, Cache] | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(vars(self)["activation"], name)

    def init(self, rng: np.random.Generator, in_shape: Shape) -> tuple[Params, Shape]:
        """As the activation."""
        return self.inner.init(rng, in_shape) if self.inner else ({}, in_shape)

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Cache]:
        """As the activation; notes u and v."""
        self.seen["u"] = x
        v, cache = self.inner.forward(params, x, context) if self.inner else (x, None)
        self._kept = params, cache
        return v, cache

    def backward(self, params: Params, cache: Cache, dy: Array, context: Context) -> tuple[Array | None, Params]:
        """As the activation; notes delta."""
        delta, gradients = self.inner.backward(params, cache, dy, context) if self.inner else (dy, {})
        self.seen["delta"] = delta
        return delta, gradients

    def slope(self) -> HostArray | None:
        """phi' at each entry of u, if v has its shape; None where v depends on several of u, as in softmax."""
        if self.inner is None or self._kept is None:
            return None
        ones = np.ones_like(self.seen["u"])
        some = np.random.default_rng(0).uniform(1, 2, ones.shape).astype(ones.dtype)
        slope, other = (np.asarray(self.inner.backward(*self._kept, dy, EVALUATION)[0]) for dy in (ones, some))
        return slope if np.allclose(other, some * slope, rtol=1e-5, atol=1e-12) else None

    def jacobian(self) -> HostArray | None:
        """(n, n) dv_j/du_i of a single row (1, n) of u, j down and i across; None for more rows, or too many units."""
        u = self.seen["u"]
        if self.inner is None or self._kept is None or u.shape != (1, u.size) or u.size > WIDEST:
            return None
        basis = np.eye(u.size, dtype=u.dtype)
        return np.stack([np.asarray(self.inner.backward(*self._kept, dy[None], EVALUATION)[0])[0] for dy in basis])


def with_spies(layers: Layers) -> tuple[list[tuple[str, Layer]], list[ActivationSpy | None]]:
    """(the layers, a spy in the place of each one's activation; the spies, None for a layer without an activation)."""
    spies = [ActivationSpy(layer.activation) if isinstance(layer, WithActivation) else None for _, layer in layers]
    return [(label, _with(layer, spy)) for (label, layer), spy in zip(layers, spies, strict=True)], spies


def _with(layer: Layer, spy: ActivationSpy | None) -> Layer:
    if spy is None:
        return layer
    twin = copy.copy(layer)
    object.__setattr__(twin, "activation", spy)
    return twin
