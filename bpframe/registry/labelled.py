"""A labelled layer: a layer with its label in the network, or in the layer, that will hold it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, cast, final

import numpy as np

from bpframe.protocols import Context, Layer
from bpframe.registry.of_fields import OfFields
from bpframe.registry.of_inputs import OfInputs
from bpframe.types import Array, Cache, Params, Shape


@final
@dataclass(frozen=True, init=False)
class Labelled:
    """A label and a layer: what `bp.layers.dense(3, label="hidden")` gives.

    It can be used as the layer: other attributes are the layer's, and `dataclasses.replace` takes the layer's
    arguments, too. A network, and a layer that holds layers, takes the two apart, so that no layer carries its label.
    """

    label: str
    layer: Layer

    def __init__(self, label: str, layer: Layer, **changes: object) -> None:
        """`changes`: arguments of the layer, which must be a dataclass then, to be others than it has."""
        object.__setattr__(self, "label", label)
        object.__setattr__(self, "layer", replace(cast(Any, layer), **changes) if changes else layer)

    def init(self, rng: np.random.Generator, in_shape: Shape) -> tuple[Params, Shape]:
        """As the layer."""
        return self.layer.init(rng, in_shape)

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Cache]:
        """As the layer."""
        return self.layer.forward(params, x, context)

    def backward(self, params: Params, cache: Cache, dy: Array, context: Context) -> tuple[Array | None, Params]:
        """As the layer."""
        return self.layer.backward(params, cache, dy, context)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name in ("label", "layer"):  # as while it is being unpickled
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return getattr(self.layer, name)


def unlabelled(component: object) -> Any:
    """The layer of a layer with a label or of several inputs, the loss of one of fields; any other is itself."""
    held = _HELD.get(type(component))
    return component if held is None else getattr(component, held)


_HELD: dict[type, str] = {Labelled: "layer", OfInputs: "layer", OfFields: "loss"}  # where each keeps what it is of
