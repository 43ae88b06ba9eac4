"""A recurrent layer that reads rows both ways (bidirectional).  Shapes: x (B, T, n), y (B, 2 m) or (B, T, 2 m)."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any, final

import numpy as np

from bpframe.plugin import Array, Cache, ConfigError, Context, HostArray, Layer, Params, Shape, inner_multipliers, ops


@final
@dataclass(frozen=True)
class Bidirectional:
    """y = f(x), g(x) side by side: g is the layer f with parameters of its own, from the last step to the first.

    dx = the sum of what both hand back. f is a recurrent layer with a setting `reverse`, as gru, lstm and rnn; each
    gives its last state, of g that at the first step, or with `sequences` that of every step.
    Source: Schuster and Paliwal (1997), Bidirectional recurrent neural networks, IEEE Transactions on Signal
    Processing 45.
    """

    layer: Layer
    both: tuple[Layer, Layer] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        layer: Any = self.layer
        if not is_dataclass(layer) or "reverse" not in {each.name for each in fields(layer)}:
            raise ConfigError(
                "bidirectional needs a recurrent layer with a setting reverse, such as gru, got "
                f"{type(layer).__name__}."
            )
        object.__setattr__(self, "both", (layer, _turned(layer)))
        for name, factors in inner_multipliers(tuple(zip(("forward", "backward"), self.both, strict=True))).items():
            object.__setattr__(self, name, factors)

    @classmethod
    def example_configs(cls) -> list[dict[str, Any]]:
        """The last states; those of every step."""
        return [{"layer": {"name": "gru", "units": 2}}, {"layer": {"name": "rnn", "units": 2, "sequences": True}}]

    def example_input(self, rng: np.random.Generator) -> HostArray:
        """Rows of 3 steps of 2 numbers (4, 3, 2)."""
        return rng.normal(size=(4, 3, 2))

    @property
    def range(self) -> str | None:
        """That of the layer."""
        return getattr(self.layer, "range", None)

    def init(self, rng: np.random.Generator, in_shape: Shape) -> tuple[Params, Shape]:
        """{"forward", "backward"}, each as of the layer; rows twice as wide."""
        params: Params = {}
        for name, layer in zip(("forward", "backward"), self.both, strict=True):
            params[name], shape = layer.init(rng, in_shape)
        return params, (*shape[:-1], 2 * shape[-1])

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Cache]:
        """(y, what both keep)."""
        names = zip(("forward", "backward"), self.both, strict=True)
        made = [layer.forward(params[name], x, context.child(name)) for name, layer in names]
        return ops.namespace(x).concat([y for y, _ in made], axis=-1), [kept for _, kept in made]

    def backward(self, params: Params, cache: Cache, dy: Array, context: Context) -> tuple[Array | None, Params]:
        """(dx or None, gradients by the name of a way)."""
        slopes: Any = dy
        m, gradients, dx = dy.shape[-1] // 2, Params(), None
        ways = zip(("forward", "backward"), self.both, cache, (slopes[..., :m], slopes[..., m:]), strict=True)
        for name, layer, kept, slope in ways:
            own = context.child(name) if context.need_dx else context.child(name, False)
            part, gradients[name] = layer.backward(params[name], kept, slope, own)
            dx = part if dx is None else dx + part
        return (dx if context.need_dx else None), gradients


def _turned(layer: Any) -> Any:
    """The same layer the other way."""
    return replace(layer, reverse=not layer.reverse)
