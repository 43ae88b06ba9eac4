"""A layer taken forward and back on rows of one shape.  x (B, *in_shape), dy like y; params and gradients are trees."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, final

import numpy as np

from bpframe import tree
from bpframe.network.context import StepContext
from bpframe.random import HashKey
from bpframe.testing.laws.comparison import arrays_in
from bpframe.testing.laws.finite_differences import Problem
from bpframe.types import HostArray, Params, Shape

KEY = HashKey(1, 2)
ROWS = 4


@final
@dataclass(frozen=True)
class Case:
    """A layer on rows of its own `example_input(rng)`, or else of normal numbers."""

    layer: Any
    in_shape: Shape

    @staticmethod
    def of(layer: Any, in_shape: Shape) -> Case:
        """The shape of rows is that of the layer's own example, if it has one."""
        if hasattr(layer, "example_input"):
            in_shape = np.shape(layer.example_input(np.random.default_rng(0)))[1:]
        return Case(layer, tuple(in_shape))

    @cached_property
    def params(self) -> Params:
        """Initial parameters in float64, moved a little, so that no bias is 0."""
        rng = np.random.default_rng(4)
        made, _ = self.layer.init(np.random.default_rng(3), self.in_shape)
        return tree.transform(
            made, lambda leaf: np.asarray(leaf, dtype=np.float64) + 0.1 * rng.normal(size=np.shape(leaf))
        )

    @cached_property
    def trained(self) -> list[tuple[str, ...]]:
        """The paths of trained parameters."""
        return [path for path, _ in tree.leaves(self.params) if "buffers" not in path]

    def x(self, seed: int = 0, rows: int = ROWS) -> HostArray:
        """Rows to look at."""
        rng = np.random.default_rng(seed)
        if not hasattr(self.layer, "example_input"):
            return rng.normal(size=(rows, *self.in_shape))
        parts = [np.asarray(self.layer.example_input(rng), dtype=np.float64)]
        while sum(map(len, parts)) < rows:
            parts.append(np.asarray(self.layer.example_input(rng), dtype=np.float64))
        return np.concatenate(parts)[:rows]

    @property
    def smooth(self) -> bool:
        """Whether there is a slope in x: not if rows hold whole numbers, such as places in a table."""
        x = self.x()
        return not (x.size and np.all(x == np.round(x)))

    def pass_(
        self,
        params: Params,
        x: Any,
        dy: Any = None,
        training: bool = True,
        need_dx: bool = True,
        key: HashKey = KEY,
    ) -> dict[str, Any]:
        """Forward, and back from dy (left out: random numbers of y's shape)."""
        context = StepContext(training, need_dx, key)
        y, cache = self.layer.forward(params, x, context)
        dy = self.dy(y) if dy is None else dy
        dx, gradients = self.layer.backward(params, cache, dy, context)
        return {"y": y, "dx": dx, "gradients": gradients}

    def back(self, *args: Any, **settings: Any) -> dict[str, Any]:
        """Every array of the way back, by its place."""
        made = self.pass_(*args, **settings)
        return dict(arrays_in({"dx": made["dx"], "gradients": made["gradients"]}, ""))

    def dy(self, y: Any) -> HostArray:
        """Random numbers of y's shape and dtype."""
        like = np.asarray(y)
        return np.asarray(np.random.default_rng(9).normal(size=like.shape), dtype=like.dtype)

    def in_dtype(self, dtype: np.dtype[Any]) -> Params:
        """The parameters in another dtype."""
        return tree.transform(self.params, lambda leaf: leaf.astype(dtype))

    def both(self, dtype: np.dtype[Any]) -> dict[str, Any]:
        """A pass in a dtype, in training and in evaluation."""
        params, x = self.in_dtype(dtype), self.x().astype(dtype)
        return {
            "in training": self.pass_(params, x),
            "in evaluation": self.pass_(params, x, training=False),
        }

    def problem_x(self, training: bool, seed: int) -> Problem:
        """sum(dy * y) as a function of x."""
        x = self.x(seed)
        dy = self.dy(self.pass_(self.params, x, training=training)["y"])
        return Problem(
            lambda at: self._value(self.params, at, dy, training),
            lambda at: self.pass_(self.params, at, dy, training)["dx"],
            x,
        )

    def problem_of(self, path: tuple[str, ...], training: bool, seed: int) -> Problem:
        """sum(dy * y) as a function of one parameter."""
        x = self.x(seed)
        dy = self.dy(self.pass_(self.params, x, training=training)["y"])

        def moved(at: HostArray) -> Params:
            params = tree.transform(self.params, lambda leaf: leaf)
            tree.assign(params, path, at)
            return params

        return Problem(
            lambda at: self._value(moved(at), x, dy, training),
            lambda at: tree.at(self.pass_(moved(at), x, dy, training)["gradients"], path),
            np.array(tree.at(self.params, path)),
        )

    def _value(self, params: Params, x: Any, dy: Any, training: bool) -> float:
        y, _ = self.layer.forward(params, x, StepContext(training, True, KEY))
        return float(np.sum(dy * y))
