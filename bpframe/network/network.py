"""A network: layers in order, their labels and their initial parameters.

Layers that hold layers label and initialise them by the same functions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from itertools import count
from math import prod
from numbers import Integral
from typing import cast, final

import numpy as np

from bpframe import layout, random, tree
from bpframe.errors import BpframeError, ConfigError, IncompatibleComponent, ShapeError
from bpframe.network.memory import refuse_larger_than_memory
from bpframe.network.ties import as_mapping, join, parse_ties
from bpframe.protocols import Initializer, Layer
from bpframe.protocols.traits import own_label
from bpframe.registry import Spec, registry
from bpframe.registry.builder import Builder
from bpframe.registry.describe import brief, short_name, title
from bpframe.registry.labelled import Labelled, unlabelled
from bpframe.registry.of_inputs import InputShapes, OfInputs
from bpframe.registry.safe_text import object_text
from bpframe.types import HostArray, Params, Shape

HEADER = ("layer", "component", "output", "parameters")
LabelledLayers = tuple[tuple[str, Layer], ...]  # (label, layer), in order
InputsSpec = int | Sequence[int] | Mapping[str, int | Sequence[int]] | None


@final
class Network:
    """Layers in order; each a name, a mapping with `name` and arguments, or a ready layer.

    `inputs` is the width (or shape) of one input row; of several inputs a mapping of names to widths or shapes, which
    the first layer then gets as a mapping of arrays. Left out, it is inferred at the first fit. A layer's label is its
    argument `label`, or else its component's name with a number: dense_1, dense_2, ...
    `tie`: parameters that are another one, {"decoder/weight": "encoder/weight.T"}, ".T" for its transpose; one array is
    trained, by the sum of both gradients, and a value that is set for either holds for both.
    """

    def __init__(self, layers: Sequence[Spec], inputs: InputsSpec = None, tie: Mapping[str, str] | None = None) -> None:
        if isinstance(layers, str) or not isinstance(layers, Sequence) or not layers:
            raise ConfigError(
                f"Network needs a list of layers, got {layers!r}. For one: Network([bp.layers.dense(10)])."
            )
        builder = Builder(registry)
        built = [builder.build("layer", spec, f"layers[{i}]") for i, spec in enumerate(layers)]
        builder.finish()
        self.layers: LabelledLayers = label_layers(built, "Network")
        self.ties = parse_ties(tie)
        self._take_inputs(inputs)

    def _take_inputs(self, inputs: InputsSpec) -> None:
        """Have the first layer take these inputs, and know the shape of rows, if it is known."""
        self.several = _input_shapes(inputs)
        self.layers = of_inputs(self.layers, self.several)
        single = inputs if self.several is None else sum(prod(shape) for _, shape in self.several)
        self.inputs = _row_shape(single)  # of several inputs side by side
        self.input_shape = self.inputs  # or what the latest fit inferred, for summary()

    def with_inputs(self, inputs: InputsSpec) -> Network:
        """The same network of rows, or of inputs by name, of these shapes."""
        network = copy(self)
        network._take_inputs(inputs)
        return network

    @property
    def labels(self) -> tuple[str, ...]:
        """The layers' labels, in order."""
        return tuple(label for label, _ in self.layers)

    def init(self, seed: int, in_shape: Shape) -> tuple[Params, Shape]:
        """(initial parameters by label, shape of one output row); each layer draws from a stream of its own."""
        generators = (random.host_generator(seed, random.INITIAL, k) for k in count())
        params, shape = init_layers(self.layers, generators, in_shape)
        return join(params, self.ties), shape

    def summary(self, inputs: InputsSpec = None, *, multiplications: bool = False) -> str:
        """A table of the layers: label, component, shape of an output row, number of parameters; fits the terminal.

        With `multiplications` also how many the forward pass makes for a row, by which layers are compared; each layer
        computes a row for it.
        """
        network = self if inputs is None else self.with_inputs(inputs)
        longest = HEADER.index("parameters" if network.input_shape is None else "component")
        header: tuple[str, ...] = HEADER
        rows: list[tuple[str, ...]] = list(network._rows())
        if multiplications and network.input_shape is not None:
            header = (*HEADER, "multiplications")
            rows = network._with_multiplications(rows, network.input_shape)
        lines = layout.text_table(header, rows, layout.terminal_width(), wrap=longest)
        return layout.Text("\n".join(lines))

    def _with_multiplications(self, rows: list[tuple[str, ...]], shape: Shape) -> list[tuple[str, ...]]:
        """The rows of the summary, each with its layer's multiplications, and the total with their sum."""
        from bpframe.network.multiplications import layer_multiplications  # imported by who asks for them

        counts = layer_multiplications((layer for _, layer in self.layers), shape)
        shown = ["?" if count is None else f"{count:,}" for count in counts]
        total = "?" if None in counts else f"{sum(filter(None, counts)):,}"
        return [(*row, cell) for row, cell in zip(rows, [*shown, total], strict=True)]

    def params(self, flat: Mapping[str, HostArray]) -> Params:
        """Parameters by "layer/name" as the tree that layers work on: a branch for each layer, empty ones too."""
        return {**{label: {} for label in self.labels}, **tree.nest(flat)}

    def __repr__(self) -> str:
        defaults = label_layers([unlabelled(layer) for _, layer in self.layers], "Network")
        shown = [
            object_text(unlabelled(layer) if label == default else Labelled(label, unlabelled(layer)))
            for (label, layer), (default, _) in zip(self.layers, defaults, strict=True)
        ]
        tie = f", tie={as_mapping(self.ties)!r}" if self.ties else ""
        return f"Network([{', '.join(shown)}]{tie})"

    def __str__(self) -> str:
        return str(self.summary())

    def _repr_html_(self) -> str:
        return layout.html_table(HEADER, list(self._rows()))

    def _rows(self) -> Iterator[tuple[str, str, str, str]]:
        total, shape = 0, self.input_shape
        for label, layer in self.layers:
            if shape is None:
                yield label, brief(registry, "layer", layer), "?", "? (known after the first fit, or with inputs=)"
                continue
            params, shape = _init(layer, np.random.default_rng(0), shape)
            targets = {tie.target[1:] for tie in self.ties if tie.target[0] == label}
            own = (leaf for path, leaf in tree.leaves(params) if "buffers" not in path and path not in targets)
            count = sum(int(np.size(leaf)) for leaf in own)
            total += count
            yield label, brief(registry, "layer", layer), str(shape), f"{count:,}"
        if shape is not None:
            yield "total", "", "", f"{total:,}"


def _row_shape(inputs: object) -> Shape | None:
    """The shape of an input row from its width or its axes; None stays None."""
    if inputs is None:
        return None
    axes = tuple(inputs) if isinstance(inputs, Sequence) and inputs else (inputs,)
    if any(isinstance(n, bool) or not isinstance(n, Integral) or n < 1 for n in axes):
        raise ConfigError(f"Network needs whole numbers of at least 1 as inputs, got {inputs!r}.")
    return tuple(map(int, axes))


def _input_shapes(inputs: object) -> InputShapes | None:
    """The shape of a row of each of several inputs; None for anything but a mapping."""
    if not isinstance(inputs, Mapping):
        return None
    shapes = tuple((name, _row_shape(shape)) for name, shape in inputs.items())
    if not inputs or not all(isinstance(name, str) and name and shape for name, shape in shapes):
        raise ConfigError(f"Network needs the width or the shape of each input by name, got {inputs!r}.")
    return cast(InputShapes, shapes)


def of_inputs(layers: LabelledLayers, several: InputShapes | None) -> LabelledLayers:
    """Layers of which the first is given these inputs by name; None: rows of one array."""
    (label, first), *rest = layers
    first = unlabelled(first)
    return ((label, first if several is None else OfInputs(first, several)), *rest)


def label_layers(layers: Sequence[Layer], owner: str) -> LabelledLayers:
    """Layers with their labels: a layer's own, or else its component's name and a number; ConfigError to `owner`."""
    counts: dict[str, int] = {}
    names: dict[type, str] = {}
    labels = []
    for layer in layers:
        cls: type = type(unlabelled(layer))
        name = names[cls] = names.get(cls) or short_name(registry, "layer", layer)
        counts[name] = counts.get(name, 0) + 1
        label = own_label(layer)
        labels.append(f"{name}_{counts[name]}" if label is None else label)
    alike = Counter(label for label in labels if isinstance(label, str))
    for label in labels:
        if not isinstance(label, str) or not label or "/" in label or label == "buffers" or alike[label] > 1:
            raise ConfigError(f"{owner} needs a different label for each layer, without '/', got {labels}. Set label=.")
    return tuple(zip(labels, map(unlabelled, layers), strict=True))


def draw_parameter(
    initializer: Initializer, rng: np.random.Generator, shape: Shape, fan_in: int, fan_out: int
) -> HostArray:
    """Initial values of a parameter, of this shape; IncompatibleComponent where the initializer gives anything else.

    ConfigError for a shape that this machine has no memory for.
    """
    refuse_larger_than_memory(shape)
    try:
        sample = initializer.sample(rng, shape, fan_in, fan_out)
    except BpframeError:
        raise
    except ValueError as error:
        name = short_name(registry, "initializer", initializer)
        raise ShapeError(f"{name} cannot fill a parameter of shape {shape}: {error}") from error
    if not isinstance(sample, np.ndarray) or sample.shape != shape or sample.dtype.kind not in "biuf":
        owner = title(registry, "initializer", initializer)
        got = f"{sample.dtype} {sample.shape}" if isinstance(sample, np.ndarray) else repr(sample)
        raise IncompatibleComponent(f"{owner}: sample must give numbers of shape {shape}, got {got}.")
    return sample


def init_layers(
    layers: LabelledLayers, generators: Iterable[np.random.Generator], in_shape: Shape
) -> tuple[Params, Shape]:
    """(initial parameters by label, shape of one output row) of layers in a row, a generator each."""
    params: Params = {}
    shape, before = in_shape, ""
    for k, ((label, layer), generator) in enumerate(zip(layers, generators, strict=False), start=1):
        try:
            params[label], shape = _init(layer, generator, shape)
        except ShapeError as error:
            raise ShapeError(f"layer {k} ('{label}'): {error}{before}") from None
        except ConfigError as error:
            raise ConfigError(f"layer {k} ('{label}'): {error}", error.problems) from None
        except MemoryError as error:
            raise ConfigError(f"layer {k} ('{label}') needs more memory for its parameters: {error}.") from error
        before = f" The layer before it, '{label}', gives {shape}."
    return params, shape


def _init(layer: Layer, generator: np.random.Generator, shape: Shape) -> tuple[Params, Shape]:
    """What a layer's init gives; a plain ValueError of its is about the rows that it cannot take: ShapeError."""
    try:
        return _made(layer, layer.init(generator, shape))
    except BpframeError:
        raise
    except ValueError as error:
        name = short_name(registry, "layer", layer)
        raise ShapeError(f"{name} cannot take rows of shape {shape}: {str(error).rstrip('.')}.") from error


def _made(layer: Layer, made: object) -> tuple[Params, Shape]:
    """What a layer's init gave, if it is a tree of arrays and the shape of a row."""
    params, shape = made if isinstance(made, tuple) and len(made) == 2 else (None, None)
    if not isinstance(params, Mapping) or not isinstance(shape, tuple):
        owner = title(registry, "layer", layer)
        raise IncompatibleComponent(f"{owner}: init must give (parameters, shape of a row), got {made!r}.")
    for path, leaf in tree.leaves(params):
        if np.asarray(leaf).dtype.kind not in "biuf":
            owner = title(registry, "layer", layer)
            raise IncompatibleComponent(f"{owner}: init must give arrays of numbers, got {leaf!r} as {'/'.join(path)}.")
    return dict(params), shape
