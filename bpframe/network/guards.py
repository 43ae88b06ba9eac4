"""Guards of foreign components in every step: arguments that nobody can write to, results that have their shape.

bpframe's own components are proven and go without. A foreign one is called through a guard, which costs a few views a
step, and is named where it breaks its protocol at a later step than the dry run saw, or inside another component.
Shapes: x (B, *in_shape), scores and delta (B, C), values (B,) or one number.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, final

import numpy as np

from bpframe import tree
from bpframe.errors import IncompatibleComponent
from bpframe.protocols import Context, Layer, Loss
from bpframe.protocols.traits import is_weighted
from bpframe.registry import registry
from bpframe.registry.describe import title
from bpframe.registry.labelled import unlabelled
from bpframe.registry.nested import kinds_by_class, walk
from bpframe.types import Array, Cache, Params, Shape


def is_foreign(kind: str, component: object) -> bool:
    """Whether a component, or one inside it, is none of bpframe's own."""
    component = unlabelled(component)
    try:
        return not registry.owns(type(component)) or _holds_foreign(kind, component)
    except TypeError:  # it cannot be hashed
        return _holds_foreign.__wrapped__(kind, component)


@lru_cache(maxsize=256)  # asked whenever a session opens, mostly of the same components
def _holds_foreign(kind: str, component: object) -> bool:
    return not all(map(registry.owns, kinds_by_class([(kind, component)])))


def view(array: Any) -> Any:
    """A read-only view of a NumPy array; anything else, such as an array that is being traced, is itself."""
    if type(array) is not np.ndarray:
        return array
    array = array.view()
    array.flags.writeable = False
    return array


def check_result(kind: str, part: object, what: str, array: Any, shape: Shape) -> None:
    """IncompatibleComponent that names the component, or the foreign one inside it, whose result has another shape."""
    got = _shape(array)
    if got != shape:
        names = (title(registry, inner, each) for _, inner, each in walk(kind, part) if not registry.owns(type(each)))
        raise IncompatibleComponent(f"{next(names, title(registry, kind, part))}: {what} must be {shape}, got {got}.")


def _shape(array: Any) -> Shape:
    return getattr(array, "shape", ())  # of a plain number, too


@final
class GuardedLayer:
    """A foreign layer."""

    def __init__(self, layer: Layer) -> None:
        self._layer = layer
        self._in_shape: Shape = ()  # of the latest forward pass

    def init(self, rng: np.random.Generator, in_shape: Shape) -> tuple[Params, Shape]:
        """As the layer."""
        return self._layer.init(rng, in_shape)

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Cache]:
        """(y, cache), y with a row for each of x."""
        self._in_shape = x.shape
        y, cache = self._layer.forward(tree.transform(params, view), view(x), context)
        check_result("layer", self._layer, "forward", y, (*x.shape[:1], *_shape(y)[1:]))
        return y, cache

    def backward(self, params: Params, cache: Cache, dy: Array, context: Context) -> tuple[Array | None, Params]:
        """(dx, gradients), dx like x, and each gradient like its parameter."""
        dx, gradients = self._layer.backward(tree.transform(params, view), cache, view(dy), context)
        if dx is not None:
            check_result("layer", self._layer, "backward, dx,", dx, self._in_shape)
        for name, p in params.items():
            if not isinstance(p, Mapping):
                check_result("layer", self._layer, f"backward, gradient of {name},", gradients.get(name), p.shape)
        return dx, gradients


@final
class GuardedLoss:
    """A foreign loss."""

    def __init__(self, loss: Loss) -> None:
        self.loss: Any = loss
        self.link = loss.link
        self.weighted = is_weighted(loss)
        self._axes: int | None = None  # of values in the first call: 1, or 0 where rows are coupled

    def value_and_delta(self, scores: Array, target: Array, *weight: Array) -> tuple[Array, Array]:
        """(values, delta), values with the axes that they had at first."""
        values, delta = self.loss.value_and_delta(view(scores), view(target), *map(view, weight))
        if self._axes is None:
            self._axes = len(_shape(values))
        check_result("loss", self.loss, "value_and_delta, values,", values, scores.shape[: self._axes])
        check_result("loss", self.loss, "value_and_delta, delta,", delta, scores.shape)
        return values, delta

    def sample_target(self, scores: Array, key: Any) -> Array:
        """As the loss."""
        drawn: Array = self.loss.sample_target(view(scores), key)
        return drawn
