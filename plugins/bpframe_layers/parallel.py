"""Parallel branches of layers.

Shapes: x (B, *in_shape), or several inputs by name; outputs of the branches (B, ..., n_k), y (B, ..., n).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import reduce
from itertools import accumulate, pairwise
from operator import add
from typing import Any, Literal, final

import numpy as np

from bpframe.plugin import (
    Array,
    Cache,
    ConfigError,
    Context,
    HostArray,
    LabelledLayers,
    Layer,
    Params,
    Shape,
    ShapeError,
    chain_auxiliary,
    check_inputs,
    checks,
    fit_buffers,
    label_layers,
    number_sets,
    ops,
    output_range,
)
from bpframe_layers.held import HeldCache, refreshed, take_after, with_statistics


@final
@dataclass(frozen=True)
class Parallel:
    """y = f_1(x), f_2(x), ... joined; dx = the sum of what the branches hand back.

    "concat" puts outputs side by side on the last axis, n = sum of n_k; "sum" adds them up, all of one shape. A branch
    of several layers is a `sequential`; one that begins with `select` takes a part of x, or one of several inputs.
    Parameters stand under each branch's label, made as in a network.
    """

    branches: tuple[Layer, ...]
    join: Literal["concat", "sum"] = "concat"
    inner: LabelledLayers = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        checks.one_of("parallel", ("concat", "sum"), join=self.join)
        if not self.branches:
            raise ConfigError("parallel needs at least one branch, got none.")
        object.__setattr__(self, "branches", tuple(self.branches))
        object.__setattr__(self, "inner", label_layers(self.branches, "parallel"))
        take_after(self, self.inner, every_from_x=True)

    @classmethod
    def example_configs(cls) -> list[dict[str, Any]]:
        """Branches of different and of equal width."""
        narrow, wide = {"name": "dense", "units": 2, "activation": "tanh"}, {"name": "dense", "units": 5}
        return [{"branches": [narrow, wide, "batch_norm"]}, {"branches": [wide, "dropout"], "join": "sum"}]

    def init(self, rng: np.random.Generator, in_shape: Shape) -> tuple[Params, Shape]:
        """Each branch's parameters by its label, drawn in order."""
        params: Params = {}
        shapes: list[Shape] = []
        for label, layer in self.inner:
            try:
                params[label], shape = layer.init(rng, in_shape)
            except ShapeError as error:
                raise ShapeError(f"branch '{label}': {error}") from None
            shapes.append(shape)
        return params, self._joined(shapes)

    def check_inputs(self, x: HostArray) -> None:
        """What each branch says of the rows."""
        for branch in self.inner:
            check_inputs((branch,), x, "")

    def range_after(self, inputs: str | None) -> str | None:
        """The interval of all branches, if it is one and they stand side by side; otherwise not known."""
        ranges = {output_range((branch,), inputs) for branch in self.inner}
        one = ranges.pop() if len(ranges) == 1 and self.join == "concat" else None
        return number_sets.side_by_side(one)

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Cache]:
        """(outputs joined, (what each branch keeps, widths of the outputs))."""
        outputs, caches = [], []
        for label, layer in self.inner:
            own = context.child(label, context.need_dx)
            y, cache = layer.forward(params.get(label, {}), x, own)
            outputs.append(y)
            caches.append(HeldCache(cache, own.training))
        joined = ops.namespace(outputs[0]).concat(outputs, axis=-1) if self.join == "concat" else reduce(add, outputs)
        return joined, (caches, [out.shape[-1] for out in outputs])

    def backward(self, params: Params, cache: Cache, dy: Array, context: Context) -> tuple[Array | None, Params]:
        """(dx or None, gradients by label); each branch is handed its part of dy, or for "sum" the whole."""
        caches, widths = cache
        cuts = pairwise(accumulate(widths, initial=0))
        parts = [dy] * len(caches) if self.join == "sum" else [dy[..., start:stop] for start, stop in cuts]
        gradients: Params = {}
        slopes: list[Any] = []
        for (label, layer), kept, part in zip(self.inner, caches, parts, strict=True):
            own = context.child(label, context.need_dx)
            dx, gradients[label] = layer.backward(params.get(label, {}), kept.cache, part, own)
            slopes.append(dx)
        return (_added(slopes) if context.need_dx else None), gradients

    def _auxiliary(self, params: Params, cache: Cache, context: Context) -> tuple[Array, Array | None, Params]:
        """What its branches add to the objective; their slopes add up."""
        total: Any = 0.0
        slopes: list[Any] = []
        gradients: Params = {}
        for branch, kept in zip(self.inner, cache[0], strict=True):
            own = context.child(branch[0], context.need_dx)
            value, slope, more = chain_auxiliary((branch,), params, [kept.cache], [own])
            total, gradients = total + value, gradients | more
            slopes += [] if slope is None else [slope]
        return total, (_added(slopes) if slopes else None), gradients

    def _refresh(self, params: Params, cache: Cache) -> Params:
        """The same parameters with the new buffers of the layers inside."""
        return refreshed(self.inner, params, cache[0])

    def _statistics(self, params: Params, cache: Cache) -> Params:
        """The same parameters with the statistics with which layers inside saw this batch."""
        return with_statistics(self.inner, params, cache[0])

    def _fit(self, params: Params, x: HostArray) -> Params:
        """The parameters with buffers that branches learn, each from x."""
        return self._weighted_fit(params, x, None)

    def _weighted_fit(self, params: Params, x: HostArray, weight: HostArray | None) -> Params:
        """The same of rows with weights."""
        for branch in self.inner:
            params = fit_buffers((branch,), params, x, weight)
        return params

    def _joined(self, shapes: list[Shape]) -> Shape:
        """The shape of a row of y."""
        first, concat = shapes[0], self.join == "concat"
        if any(shape[:-1] != first[:-1] if concat else shape != first for shape in shapes) or (concat and not first):
            but = " but for the last axis" if concat else ""
            raise ShapeError(f"parallel with join '{self.join}' needs outputs of one shape{but}, got {shapes}.")
        return (*first[:-1], sum(shape[-1] for shape in shapes)) if concat else first


def _added(slopes: list[Any]) -> Any:
    """The sum of what branches hand back; of several inputs by name, that of each."""
    if not isinstance(slopes[0], Mapping):
        return reduce(add, slopes)
    total: dict[str, Any] = {}
    for slope in slopes:
        for name, part in slope.items():
            total[name] = total[name] + part if name in total else part
    return total
