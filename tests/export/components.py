"""Every installed activation and layer as a graph from rows to its output, without a training."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np

import bpframe as bp
from bpframe import tree
from bpframe.errors import ShapeError
from bpframe.export.folding import folded
from bpframe.export.graph import ArrayGraph
from bpframe.export.graph_recording import record
from bpframe.export.predictor import Predictor
from bpframe.network.backprop import as_layer
from bpframe.network.context import EVALUATION
from bpframe.registry.nested import walk
from bpframe.testing.suite import configs_to_check
from bpframe.types import HostArray

KINDS = ("activation", "layer")
WIDTHS = (6, 5, 12)  # numbers a row, of which every component takes one
EXTREMES = (0.0, 1e-30, 1e-8, 0.1, 0.66, 1.0, 5.0, 17.0, 18.5, 30.0, 80.0, 89.0, 120.0, 800.0, 1e4, 1e20)


class Example(NamedTuple):
    """A component's graph, rows for it, and what it makes of them by itself."""

    graph: ArrayGraph
    x: HostArray
    want: HostArray


def configs(kind: str, name: str) -> list[dict[str, Any]]:
    """The configurations in which the kit checks a component."""
    return configs_to_check(bp.load(kind, name))


def built(kind: str, name: str, config: int) -> Any:
    """A layer of the component in one of these."""
    return as_layer(bp.build(kind, {"name": name, **configs(kind, name)[config]}))


def of_one_input(kind: str, name: str, config: int) -> bool:
    """Whether the component takes one array, not several by name."""
    layer = built(kind, name, config)
    return not (hasattr(layer, "example_input") and isinstance(layer.example_input(np.random.default_rng(0)), dict))


ALL = [(kind, name, k) for kind in KINDS for name in sorted(bp.names(kind)) for k in range(len(configs(kind, name)))]
CASES = [case for case in ALL if of_one_input(*case)]


def example(kind: str, name: str, config: int, dtype: str) -> Example:
    """Rows are ids for a layer that asks for them, else normal numbers, and the extremes, NaN last."""
    layer, rng = built(kind, name, config), np.random.default_rng(0)
    x, drawn = rows(layer, dtype)
    in_shape = x.shape[1:]
    params = tree.transform(drawn, lambda p: np.asarray(p, dtype))
    flat = tree.flatten(params)
    with np.errstate(all="ignore"):
        want = layer.forward(params, x, EVALUATION)[0]

    def leaves(count: int) -> Any:
        own = (
            np.resize(x, (count, *in_shape)) if hasattr(layer, "example_input") else rng.normal(size=(count, *in_shape))
        )
        own = own.astype(dtype)
        return {"x": ("input", own), **{path: ("parameter", p) for path, p in flat.items()}}

    def outputs(arrays: Any) -> Any:
        own = tree.nest({path: arrays[path] for path in flat})
        return {"y": layer.forward(own, arrays["x"], EVALUATION)[0]}

    graph = folded(record(outputs, leaves), parameters=True)
    return Example(ArrayGraph.of({"x": graph.inputs["x"]}, graph.outputs), x, np.asarray(want))


def predictor(kind: str, name: str, config: int, dtype: str) -> tuple[Predictor, Example]:
    """The same as a model whose predictions are the output."""
    made = example(kind, name, config, dtype)
    graph = ArrayGraph.of(made.graph.inputs, {"predictions": made.graph.outputs["y"]})
    return Predictor(graph, {}, {}, {"x": np.resize(made.x, (8, *made.x.shape[1:]))}), made


def rows(layer: Any, dtype: str) -> tuple[HostArray, Any]:
    """(x, parameters): rows that the component gives as its example, else as many numbers a row as it can take.

    The extremes are for components without others inside: behind units that saturate, layer_norm enlarges rounding.
    """
    rng = np.random.default_rng(1)
    if hasattr(layer, "example_input"):
        x = np.asarray(layer.example_input(rng), dtype)
        return x, layer.init(rng, x.shape[1:])[0]
    for n in WIDTHS:
        with suppress(ShapeError):
            params, _ = layer.init(rng, (n,))
            break
    if any(kind == "layer" and part is not layer for _, kind, part in walk("layer", layer)):
        return rng.normal(size=(50, n)).astype(dtype), params
    ends = np.repeat(np.array([*EXTREMES, *(-e for e in EXTREMES), np.nan])[:, None], n, 1)
    return np.concatenate([3 * rng.normal(size=(50, n)), ends]).astype(dtype), params
