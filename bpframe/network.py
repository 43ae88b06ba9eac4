"""A network: layers in order, their labels, and their initial parameters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from numbers import Integral
from typing import Any, final

import numpy as np

from bpframe import random, tree
from bpframe.errors import ConfigError, ShapeError
from bpframe.protocols import Layer
from bpframe.registry import Spec, registry
from bpframe.registry.builder import Builder
from bpframe.registry.describe import short_name
from bpframe.types import Params, Shape


@final
class Network:
    """Layers in order; each a name, a mapping with `name` and arguments, or a ready layer.

    `inputs` is the width (or shape) of one input row; left out, it is inferred at the first fit. A layer's label is
    its argument `label`, or else its component's name with a number: dense_1, dense_2, ...
    """

    def __init__(self, layers: Sequence[Spec], inputs: int | Sequence[int] | None = None) -> None:
        if isinstance(layers, str) or not isinstance(layers, Sequence) or not layers:
            raise ConfigError(
                f"Network needs a list of layers, got {layers!r}. For one: Network([bp.layers.dense(10)])."
            )
        builder = Builder(registry)
        built = [builder.build("layer", spec, f"layers[{i}]") for i, spec in enumerate(layers)]
        builder.finish()
        self.layers: tuple[tuple[str, Layer], ...] = tuple(zip(_labels(built), built, strict=True))
        self.inputs = _row_shape(inputs)
        self.input_shape = self.inputs  # or what the latest fit inferred, for summary()

    @property
    def labels(self) -> tuple[str, ...]:
        """The layers' labels, in order."""
        return tuple(label for label, _ in self.layers)

    def init(self, seed: int, in_shape: Shape) -> tuple[Params, Shape]:
        """(initial parameters by label, shape of one output row); each layer draws from a stream of its own."""
        params: Params = {}
        shape = in_shape
        for k, (label, layer) in enumerate(self.layers):
            try:
                params[label], shape = layer.init(random.host_generator(seed, random.INITIAL, k), shape)
            except ShapeError as error:
                raise ShapeError(f"layer {k + 1} ('{label}'): {error}{self._before(k, shape)}") from None
        return params, shape

    def summary(self, inputs: int | Sequence[int] | None = None) -> str:
        """A table of the layers: label, component, shape of an output row, number of parameters; print it."""
        shape = self.input_shape if inputs is None else _row_shape(inputs)
        rows = [("layer", "component", "output", "parameters"), *self._rows(shape)]
        widths = [max(len(row[i]) for row in rows) for i in range(4)]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
        )

    def __repr__(self) -> str:
        return f"Network([{', '.join(repr(layer) for _, layer in self.layers)}])"

    def _rows(self, shape: Shape | None) -> Iterator[tuple[str, str, str, str]]:
        total = 0
        for label, layer in self.layers:
            if shape is None:
                yield label, repr(layer), "?", "? (known after the first fit, or with inputs=)"
                continue
            params, shape = layer.init(np.random.default_rng(0), shape)
            count = sum(int(np.size(leaf)) for path, leaf in tree.leaves(params) if "buffers" not in path)
            total += count
            yield label, repr(layer), str(shape), f"{count:,}"
        if shape is not None:
            yield "total", "", "", f"{total:,}"

    def _before(self, k: int, shape: Shape) -> str:
        return f" The layer before it, '{self.layers[k - 1][0]}', gives {shape}." if k else ""


def _row_shape(inputs: Any) -> Shape | None:
    """The shape of an input row from its width or its axes; None stays None."""
    if inputs is None:
        return None
    axes = tuple(inputs) if isinstance(inputs, Sequence) and inputs else (inputs,)
    if any(isinstance(n, bool) or not isinstance(n, Integral) or n < 1 for n in axes):
        raise ConfigError(f"Network needs whole numbers of at least 1 as inputs, got {inputs!r}.")
    return tuple(map(int, axes))


def _labels(layers: Sequence[Layer]) -> list[str]:
    counts: dict[str, int] = {}
    labels = []
    for layer in layers:
        name = short_name(registry, "layer", layer)
        counts[name] = counts.get(name, 0) + 1
        labels.append(getattr(layer, "label", None) or f"{name}_{counts[name]}")
    for label in labels:
        if not isinstance(label, str) or "/" in label or label == "buffers" or labels.count(label) > 1:
            raise ConfigError(f"Network needs a different label for each layer, without '/', got {labels}. Set label=.")
    return labels
