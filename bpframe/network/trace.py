"""Trace: every array of the forward and backward pass of one batch, for display and checks.

Shapes as in `bpframe.network.backprop`. A layer's activation is replaced by a spy that notes what passes through it, so
the arrays shown are those of the layer's own forward and backward.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from bpframe import layout
from bpframe.errors import ConfigError
from bpframe.network.backprop import CostLayer, backward
from bpframe.network.context import EVALUATION
from bpframe.network.network import Network
from bpframe.types import HostArray, Params

if TYPE_CHECKING:  # what shows one row is imported by who asks for it
    from bpframe.network.derivation.derivation import Derivation

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
    rows: Callable[[int, int], Derivation] | None = field(default=None, compare=False)  # what `explain` asks

    def explain(self, row: int, units: int = 8) -> Derivation:
        """Backpropagation with the numbers of one row, from 0: print it, or see it as a page by `.save("row.html")`.

        u, v, phi'(v), delta and dw of each layer, last layer first on the way back, each gradient beside its finite
        difference, the update by the trainer's own rule with this row alone, and the loss after it. `units`: how many
        of a layer are shown at most, those that weigh most; what the others add stands in the sums.
        """
        if self.rows is None:
            raise ConfigError("Trace.explain needs a trace that Trainer.trace made. Call it.")
        return self.rows(row, units)

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


@np.errstate(all="ignore")  # what is not finite is there to be seen
def trace(
    network: Network, cost: CostLayer, params: Params, x: HostArray, target: HostArray, share: HostArray | float
) -> Trace:
    """Forward and back on one batch, in NumPy; params as a tree of host arrays."""
    from bpframe.network.activation_spy import with_spies  # by who asks for a trace, and not before

    layers, spies = with_spies(network.layers)
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
