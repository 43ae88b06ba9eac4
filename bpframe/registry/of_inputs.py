"""A layer of inputs: a network's first layer on several inputs by name, which stand side by side in its rows.

So everything else, an engine, an order of rows, a file, knows one array.
Shapes: rows x (B, n), input a (B, *S_a), n the sum of |S_a| over all inputs, in their order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import accumulate, pairwise
from math import prod
from typing import Any, final

import numpy as np

from bpframe import ops
from bpframe.errors import BpframeError, IncompatibleComponent, ShapeError
from bpframe.protocols import Context, Layer
from bpframe.types import Array, Cache, Params, Shape

InputShapes = tuple[tuple[str, Shape], ...]  # of a row of each input by name, in order
OF_ROWS = {
    "check_inputs": 0,
    "fit": 1,
    "weighted_fit": 1,
    "start": 1,
}  # capabilities that are given rows, and at which place
OF_CACHE = ("refresh", "statistics")  # those that are given (params, cache)
OF_BLOCKS = ("fit_blocks",)  # those that are given (params, blocks of rows)
OF_CONTEXT = ("auxiliary",)  # those that are given (params, cache, context)


@final
class Inputs(Mapping[str, Array]):
    """The inputs of rows x (B, n) by name, cut out where they are looked up."""

    def __init__(self, x: Any, shapes: InputShapes) -> None:
        self._x, self._shapes = x, shapes
        ends = pairwise(accumulate((prod(shape) for _, shape in shapes), initial=0))
        self._places = {name: (slice(*end), shape) for end, (name, shape) in zip(ends, shapes, strict=True)}

    def __getitem__(self, name: str) -> Array:
        place, shape = self._places[name]
        part: Array = self._x[:, place]
        return part if len(shape) == 1 else ops.namespace(part).reshape(part, (part.shape[0], *shape))

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def rows(self, slopes: Mapping[str, Array]) -> Array:
        """Slopes of inputs side by side, (B, n), 0 for those that have none."""
        if other := sorted(slopes.keys() - self._places.keys()):
            raise IncompatibleComponent(f"a layer gives slopes of {other}, but its inputs are {list(self._places)}.")
        xp, size = ops.namespace(self._x), self._x.shape[0]
        parts = [
            xp.reshape(slopes[name], (size, prod(shape)))
            if slopes.get(name) is not None
            else xp.zeros_like(self._x[:, place])
            for name, (place, shape) in self._places.items()
        ]
        return xp.concat(parts, axis=1)


@final
@dataclass(frozen=True)
class OfInputs:
    """A layer whose x is a mapping of inputs, as a layer of rows (B, n) in which they stand side by side.

    It can be used as the layer: other attributes are the layer's.
    """

    layer: Layer
    shapes: InputShapes

    def __post_init__(self) -> None:
        calls: Any = (
            (OF_ROWS, self._call_with_inputs),
            (OF_CACHE, self._call_with_cache),
            (OF_BLOCKS, self._call_with_blocks),
            (OF_CONTEXT, self._call_auxiliary),
        )
        for names, call in calls:
            for name in names:
                if getattr(self.layer, name, None) is not None:
                    object.__setattr__(self, name, partial(call, name))

    def init(self, rng: np.random.Generator, in_shape: Shape) -> tuple[Params, Shape]:
        """As the layer, from the shapes of inputs by name."""
        width, listing = sum(prod(shape) for _, shape in self.shapes), ", ".join(name for name, _ in self.shapes)
        if in_shape != (width,):
            raise ShapeError(f"the inputs {listing} need rows of {width} numbers together, got {in_shape}.")
        refusal = f"x has several inputs ({listing}). Begin the network with select, or with parallel branches that do"
        try:
            params, shape = self.layer.init(rng, dict(self.shapes))  # type: ignore[arg-type]  # what such a layer takes
        except BpframeError:
            raise
        except (AttributeError, LookupError, TypeError) as error:
            raise ShapeError(f"it cannot use them, {error!r}: {refusal}.") from error
        if isinstance(shape, Mapping):
            raise ShapeError(f"it needs to give rows of one array: {refusal}.")
        return params, shape

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Cache]:
        """As the layer; the cache holds the inputs besides."""
        inputs: Any = Inputs(x, self.shapes)
        y, cache = self.layer.forward(params, inputs, context)
        return y, (inputs, cache)

    def backward(self, params: Params, cache: Cache, dy: Array, context: Context) -> tuple[Array | None, Params]:
        """As the layer, which gives slopes by name, or leaves out inputs that it does not use."""
        inputs, own = cache
        dx: Any
        dx, gradients = self.layer.backward(params, own, dy, context)
        return (None if dx is None else inputs.rows(dx)), gradients

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name in ("layer", "shapes"):  # as while it is being unpickled
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return getattr(self.layer, name)

    def _call_with_inputs(self, name: str, *arguments: Any) -> Any:
        """A method of the layer, with inputs by name in the place of rows."""
        at = OF_ROWS[name]
        return getattr(self.layer, name)(*arguments[:at], Inputs(arguments[at], self.shapes), *arguments[at + 1 :])

    def _call_with_cache(self, name: str, params: Params, cache: Cache) -> Params:
        """A method of the layer, with its own cache."""
        changed: Params = getattr(self.layer, name)(params, cache[1])
        return changed

    def _call_with_blocks(self, name: str, params: Params, blocks: Any) -> Params:
        """A method of the layer, with inputs by name in the place of rows of each block."""
        changed: Params = getattr(self.layer, name)(
            params, lambda: ((Inputs(x, self.shapes), weight) for x, weight in blocks())
        )
        return changed

    def _call_auxiliary(
        self, name: str, params: Params, cache: Cache, context: Context
    ) -> tuple[Array, Array | None, Params]:
        """The auxiliary loss of the layer, whose slopes by name become those of rows."""
        inputs, own = cache
        value, dx, gradients = getattr(self.layer, name)(params, own, context)
        return value, None if dx is None else inputs.rows(dx), gradients
