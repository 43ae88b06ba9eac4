"""Every installed activation and layer as a graph from rows to its output, without a training."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

import bpframe as bp
from bpframe import tree
from bpframe.export.folding import folded
from bpframe.export.graph import ArrayGraph
from bpframe.export.graph_recording import record
from bpframe.export.predictor import Predictor
from bpframe.network.backprop import as_layer
from bpframe.network.context import EVALUATION
from bpframe.testing.suite import configs_to_check
from bpframe.types import HostArray

KINDS = ("activation", "layer")
NAMES = [(kind, name) for kind in KINDS for name in sorted(bp.names(kind))]
EXTREMES = (0.0, 1e-30, 1e-8, 0.1, 0.66, 1.0, 5.0, 17.0, 18.5, 30.0, 80.0, 89.0, 120.0, 800.0, 1e4, 1e20)


class Example(NamedTuple):
    """A component's graph, rows for it, and what it makes of them by itself."""

    graph: ArrayGraph
    x: HostArray
    want: HostArray


def example(kind: str, name: str, dtype: str) -> Example:
    """Rows are ids for a layer that asks for them, else normal numbers, and the extremes, NaN last."""
    component = bp.load(kind, name)
    config = configs_to_check(component)[0]
    layer: Any = as_layer(bp.build(kind, {"name": name, **config}))
    rng = np.random.default_rng(0)
    x = rows(layer, dtype)
    in_shape = x.shape[1:]
    params = tree.transform(layer.init(rng, in_shape)[0], lambda p: np.asarray(p, dtype))
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


def predictor(kind: str, name: str, dtype: str) -> tuple[Predictor, Example]:
    """The same as a model whose predictions are the output."""
    made = example(kind, name, dtype)
    graph = ArrayGraph.of(made.graph.inputs, {"predictions": made.graph.outputs["y"]})
    return Predictor(graph, {}, {}, {"x": np.resize(made.x, (8, *made.x.shape[1:]))}), made


def rows(layer: Any, dtype: str) -> HostArray:
    """(B, ...): those that the component gives as its example, else six numbers a row that it can take."""
    rng = np.random.default_rng(1)
    if hasattr(layer, "example_input"):
        return np.asarray(layer.example_input(rng), dtype)
    n = 5 if hasattr(layer, "layers") and type(layer).__name__ == "Residual" else 6
    ends = np.repeat(np.array([*EXTREMES, *(-e for e in EXTREMES), np.nan])[:, None], n, 1)
    return np.concatenate([3 * rng.normal(size=(50, n)), ends]).astype(dtype)
