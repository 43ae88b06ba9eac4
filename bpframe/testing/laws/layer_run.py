"""A test run of a layer, forward and backward on rows.  x (B, *in_shape), dy like y; params and gradients are trees."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any, final

import numpy as np

from bpframe import tree
from bpframe.network.context import StepContext
from bpframe.protocols import Layer
from bpframe.random import HashKey
from bpframe.registry.of_inputs import Inputs, OfInputs
from bpframe.testing.laws.comparison import arrays_in
from bpframe.testing.laws.finite_differences import GradientProblem
from bpframe.types import HostArray, Params, Shape

KEY = HashKey(1, 2)
ROWS = 4


@final
@dataclass(frozen=True)
class LayerRun:
    """A layer on rows from its `example_input(rng)`, or else of normal numbers; inputs by name stand side by side."""

    layer: Layer
    in_shape: Shape

    @staticmethod
    def of(layer: Layer, in_shape: Shape | Mapping[str, Shape]) -> LayerRun:
        """The run of a layer; rows have the shape, or the shapes by name, of its own example, if it has one."""
        if hasattr(layer, "example_input"):
            example = layer.example_input(np.random.default_rng(0))
            several = isinstance(example, Mapping)
            in_shape = {k: np.shape(v)[1:] for k, v in example.items()} if several else np.shape(example)[1:]
        if not isinstance(in_shape, Mapping):
            return LayerRun(layer, tuple(in_shape))
        shapes = tuple((name, tuple(shape)) for name, shape in in_shape.items())
        return LayerRun(OfInputs(layer, shapes), (sum(prod(shape) for _, shape in shapes),))

    @cached_property
    def params(self) -> Params:
        """Initial parameters in float64 plus noise, so that no bias is 0."""
        rng = np.random.default_rng(4)
        initial, _ = self.layer.init(np.random.default_rng(3), self.in_shape)
        return tree.transform(
            initial, lambda leaf: np.asarray(leaf, dtype=np.float64) + 0.1 * rng.normal(size=np.shape(leaf))
        )

    @cached_property
    def trained_paths(self) -> list[tuple[str, ...]]:
        """The paths of trained parameters."""
        return [path for path, _ in tree.leaves(self.params) if "buffers" not in path]

    def x(self, seed: int = 0, rows: int = ROWS) -> HostArray:
        """Rows to run the layer on."""
        rng = np.random.default_rng(seed)
        if not hasattr(self.layer, "example_input"):
            return rng.normal(size=(rows, *self.in_shape))
        parts = [_side_by_side(self.layer.example_input(rng))]
        while sum(map(len, parts)) < rows:
            parts.append(_side_by_side(self.layer.example_input(rng)))
        return np.concatenate(parts)[:rows]

    def given(self, x: HostArray) -> Any:
        """Rows as a user gives them: inputs by name where there are several."""
        return Inputs(x, self.layer.shapes) if isinstance(self.layer, OfInputs) else x

    @property
    def smooth(self) -> bool:
        """Whether y is differentiable in x: not if rows are integers, such as indices."""
        x = self.x()
        return not (x.size and np.all(x == np.round(x)))

    def forward_backward(
        self,
        params: Params,
        x: Any,
        dy: Any = None,
        training: bool = True,
        need_dx: bool = True,
        key: HashKey = KEY,
    ) -> dict[str, Any]:
        """Forward, then backward from dy (default: random numbers of y's shape)."""
        context = StepContext(training, need_dx, key)
        y, cache = self.layer.forward(params, x, context)
        dy = self.dy(y) if dy is None else dy
        dx, gradients = self.layer.backward(params, cache, dy, context)
        return {"y": y, "dx": dx, "gradients": gradients}

    def backward_arrays(self, *args: Any, **settings: Any) -> dict[str, Any]:
        """Every array of the backward pass, by its path."""
        result = self.forward_backward(*args, **settings)
        return dict(arrays_in({"dx": result["dx"], "gradients": result["gradients"]}, ""))

    def dy(self, y: Any) -> HostArray:
        """Random numbers of y's shape and dtype."""
        like = np.asarray(y)
        return np.asarray(np.random.default_rng(9).normal(size=like.shape), dtype=like.dtype)

    def in_dtype(self, dtype: np.dtype[Any]) -> Params:
        """The parameters in another dtype."""
        return tree.transform(self.params, lambda leaf: leaf.astype(dtype))

    def in_both_modes(self, dtype: np.dtype[Any]) -> dict[str, Any]:
        """Forward and backward in a dtype, in training and in evaluation mode."""
        params, x = self.in_dtype(dtype), self.x().astype(dtype)
        return {
            "in training": self.forward_backward(params, x),
            "in evaluation": self.forward_backward(params, x, training=False),
        }

    def problem_x(self, training: bool, seed: int) -> GradientProblem:
        """sum(dy * y) as a function of x."""
        x = self.x(seed)
        dy = self.dy(self.forward_backward(self.params, x, training=training)["y"])
        return GradientProblem(
            lambda at: self._value(self.params, at, dy, training),
            lambda at: self.forward_backward(self.params, at, dy, training)["dx"],
            x,
        )

    def problem_of(self, path: tuple[str, ...], training: bool, seed: int) -> GradientProblem:
        """sum(dy * y) as a function of one parameter."""
        x = self.x(seed)
        dy = self.dy(self.forward_backward(self.params, x, training=training)["y"])

        def moved(at: HostArray) -> Params:
            params = tree.transform(self.params, lambda leaf: leaf)
            tree.assign(params, path, at)
            return params

        return GradientProblem(
            lambda at: self._value(moved(at), x, dy, training),
            lambda at: tree.at(self.forward_backward(moved(at), x, dy, training)["gradients"], path),
            np.array(tree.at(self.params, path)),
        )

    def _value(self, params: Params, x: Any, dy: Any, training: bool) -> float:
        y, _ = self.layer.forward(params, x, StepContext(training, True, KEY))
        return float(np.sum(dy * y))


def _side_by_side(example: Any) -> HostArray:
    """An example of rows; inputs by name side by side."""
    if not isinstance(example, Mapping):
        return np.asarray(example, dtype=np.float64)
    parts = [np.asarray(part, dtype=np.float64) for part in example.values()]
    return np.concatenate([part.reshape(len(part), -1) for part in parts], axis=1)
