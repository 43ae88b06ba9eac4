"""Trace: every array of the forward and backward pass of one batch, for display and checks.

Shapes as in `bpframe.network.backprop`. A layer's activation is replaced by a spy that notes what passes through it, so
the arrays shown are those of the layer's own forward and backward.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, final

import numpy as np

from bpframe import layout
from bpframe.network.backprop import CostLayer, as_layer, backward
from bpframe.network.context import EVALUATION
from bpframe.network.network import Network
from bpframe.protocols import Activation, Context, Layer
from bpframe.protocols.traits import WithActivation
from bpframe.types import Array, Cache, HostArray, Params, Shape

HEADER = ("layer", "array", "shape", "mean", "std", "min", "max")


@dataclass(repr=False)
class LayerTrace:
    """One layer: x input, u pre-activation, v output, delta = dLoss/du, w, b and their gradients; None: has none."""

    name: str
    x: HostArray
    v: HostArray
    u: HostArray | None = None
    delta: HostArray | None = None
    w: HostArray | None = None
    b: HostArray | None = None
    dw: HostArray | None = None
    db: HostArray | None = None

    def arrays(self) -> dict[str, HostArray]:
        """The arrays that exist, by name, in the order in which the recursion makes them."""
        order = ("x", "w", "b", "u", "v", "delta", "dw", "db")
        return {name: getattr(self, name) for name in order if getattr(self, name) is not None}

    def __repr__(self) -> str:
        return f"<LayerTrace of {self.name}: {', '.join(f'{name} {a.shape}' for name, a in self.arrays().items())}>"

    def __str__(self) -> str:
        return _text([self])

    def _repr_html_(self) -> str:
        return layout.html_table(HEADER, _rows([self]))


@dataclass(repr=False)
class Trace:
    """One batch through the network and back, in evaluation mode: loss, a record a layer, predictions.

    The last v holds the scores; `prediction` stands behind the link. delta includes w_i / sum w, so that
    dw = x^T delta is the gradient of the mean loss. `trace["dense_1"]` is the record of that layer.
    """

    loss: float
    layers: list[LayerTrace]
    prediction: HostArray

    def __getitem__(self, label: str | int) -> LayerTrace:
        """The record of a layer by its label, or by its number from 0."""
        if isinstance(label, int):
            return self.layers[label]
        for layer in self.layers:
            if layer.name == label:
                return layer
        raise KeyError(f"The trace has no layer {label!r}. Layers: {', '.join(layer.name for layer in self.layers)}.")

    def __len__(self) -> int:
        return len(self.layers)

    def __repr__(self) -> str:
        labels = ", ".join(layer.name for layer in self.layers)
        return f"<Trace of {len(self.prediction)} rows: loss {self.loss:.6g}, layers {labels}>"

    def __str__(self) -> str:
        return f"loss {self.loss:.6g}\n{_text(self.layers)}"

    def _repr_html_(self) -> str:
        return layout.html_table(HEADER, _rows(self.layers), f"loss {self.loss:.6g}")


def _text(layers: Sequence[LayerTrace]) -> str:
    return "\n".join(layout.text_table(HEADER, _rows(layers), layout.terminal_width(), numbers=4))


@np.errstate(all="ignore")  # what is not finite is there to be seen
def _rows(layers: Sequence[LayerTrace]) -> list[list[str]]:
    """A row an array: layer, name, shape, mean, standard deviation, least and greatest number."""
    return [
        [layer.name, name, str(a.shape), *(f"{value:.4g}" for value in (a.mean(), a.std(), a.min(), a.max()))]
        for layer in layers
        for name, a in layer.arrays().items()
    ]


@final
class _Spy:
    """An activation as a layer that notes its input u, its value v, and the delta it hands back.

    A layer that asks its activation for values itself, at each step of a row, say, gets them, and nothing is noted.
    """

    def __init__(self, activation: Activation | Layer | None) -> None:
        self.activation, self.inner = activation, None if activation is None else as_layer(activation)
        self.seen: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(vars(self)["activation"], name)

    def init(self, rng: np.random.Generator, in_shape: Shape) -> tuple[Params, Shape]:
        """As the activation."""
        return self.inner.init(rng, in_shape) if self.inner else ({}, in_shape)

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Cache]:
        """As the activation; notes u and v."""
        self.seen["u"] = x
        v, cache = self.inner.forward(params, x, context) if self.inner else (x, None)
        return v, cache

    def backward(self, params: Params, cache: Cache, dy: Array, context: Context) -> tuple[Array | None, Params]:
        """As the activation; notes delta."""
        delta, gradients = self.inner.backward(params, cache, dy, context) if self.inner else (dy, {})
        self.seen["delta"] = delta
        return delta, gradients


@np.errstate(all="ignore")  # what is not finite is there to be seen
def trace(
    network: Network, cost: CostLayer, params: Params, x: HostArray, target: HostArray, share: HostArray | float
) -> Trace:
    """Forward and back on one batch, in NumPy; params as a tree of host arrays."""
    spies = [_Spy(layer.activation) if isinstance(layer, WithActivation) else None for _, layer in network.layers]
    layers = [(label, _with(layer, spy)) for (label, layer), spy in zip(network.layers, spies, strict=True)]
    contexts = [EVALUATION] * len(layers)
    outputs, caches, v = [], [], x
    for (label, layer), context in zip(layers, contexts, strict=True):
        y, cache = layer.forward(params[label], v, context)
        outputs.append((v, y))
        caches.append(cache)
        v = np.asarray(y)
    scores = v
    loss, delta = cost.mean_and_delta(scores, target, share)
    gradients = backward(layers, params, caches, delta, contexts)
    records = [
        _record(label, params[label], gradients.get(label, {}), xv, spy.seen if spy else {})
        for (label, _), xv, spy in zip(layers, outputs, spies, strict=True)
    ]
    return Trace(float(loss), records, np.asarray(cost.prediction(scores)))


def _with(layer: Layer, spy: _Spy | None) -> Layer:
    if spy is None:
        return layer
    twin = copy.copy(layer)
    object.__setattr__(twin, "activation", spy)
    return twin


def _record(name: str, params: Params, gradients: Params, xv: tuple[Any, Any], seen: dict[str, Any]) -> LayerTrace:
    parts = {
        "w": params.get("weight"),
        "b": params.get("bias"),
        "dw": gradients.get("weight"),
        "db": gradients.get("bias"),
    }
    known = {field.name for field in fields(LayerTrace)}
    return LayerTrace(
        name, *xv, **{key: np.asarray(a) for key, a in {**parts, **seen}.items() if a is not None and key in known}
    )
