"""Common code of convolution layers over one or two axes of space.

Shapes: x (B, *S, C), weight w (*K, C / groups, F), bias b (F,), u and delta (B, *O, F), v (B, *O, m); F is filters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from math import prod
from typing import Any, ClassVar, Literal

import numpy as np

from bpframe.plugin import (
    Activation,
    Array,
    Cache,
    ConfigError,
    Context,
    HostArray,
    Initializer,
    Layer,
    Params,
    Shape,
    ShapeError,
    checks,
    draw_parameter,
    ops,
)
from bpframe_initializers.glorot_uniform import GlorotUniform
from bpframe_initializers.zeros import Zeros
from bpframe_layers.activated import Activated
from bpframe_layers.sliding import along_axes, checked_padding, fixed, space_of, windows_over


@dataclass(frozen=True)
class Convolution(Activated):
    """A convolution over `AXES` axes of space; its subclass has the name."""

    filters: int
    kernel_size: int | Sequence[int] = 3
    stride: int | Sequence[int] = 1
    padding: Literal["valid", "same", "causal"] | int | Sequence[Any] = "valid"
    dilation: int | Sequence[int] = 1
    groups: int = 1
    activation: Activation | Layer | None = None
    bias: bool = True
    weight_initializer: Initializer = GlorotUniform()
    bias_initializer: Initializer = Zeros()
    AXES: ClassVar[int] = 0
    NAME: ClassVar[str] = ""

    def __post_init__(self) -> None:
        checks.whole(self.NAME, 1, filters=self.filters)
        checks.whole(self.NAME, 1, groups=self.groups)
        if self.filters % self.groups:
            raise ConfigError(
                f"{self.NAME} needs filters that its groups share alike, got filters={self.filters}, "
                f"groups={self.groups}. Take a multiple."
            )
        for name in ("kernel_size", "stride", "padding", "dilation"):
            object.__setattr__(self, name, fixed(getattr(self, name)))
        _ = self._sizes, self._padding

    @classmethod
    def example_configs(cls) -> list[dict[str, Any]]:
        """Plain; with stride, padding and activation; with dilation and groups; depthwise."""
        return [
            {"filters": 3},
            {"filters": 2, "kernel_size": 2, "stride": 2, "padding": "same", "activation": "tanh"},
            {"filters": 4, "kernel_size": 2, "dilation": 2, "groups": 2, "bias": False},
            {"filters": 4, "groups": 4, "padding": 1},
        ]

    def example_input(self, rng: np.random.Generator) -> HostArray:
        """Rows of 5 x 6 with 4 channels (3, ...)."""
        return rng.normal(size=(3, *(5, 6)[: self.AXES], 4))

    def init(self, rng: np.random.Generator, in_shape: Shape) -> tuple[Params, Shape]:
        """{"weight" (*K, C / groups, F), "bias" (F,)} and whatever the activation has; rows (*O, m).

        fan_in is prod(K) C / groups, fan_out prod(K) F / groups.
        """
        (_, positions), c, size = self._windows(in_shape), in_shape[-1], self._sizes[0]
        if c % self.groups:
            raise ShapeError(
                f"{self.NAME} needs channels that its groups share alike, got rows {in_shape} of {c} channels, "
                f"groups={self.groups}."
            )
        fans = prod(size) * c // self.groups, prod(size) * self.filters // self.groups
        shape = (*size, c // self.groups, self.filters)
        params: Params = {"weight": draw_parameter(self.weight_initializer, rng, shape, *fans)}
        return self._with_end(params, rng, fans, positions)

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Cache]:
        """(v, (x, what the activation keeps))."""
        u: Any = ops.convolve(x, params["weight"], self._windows(x.shape[1:])[0], self.groups)
        v, kept = self._activate(params, u, context)
        return v, (x, kept)

    def backward(self, params: Params, cache: Cache, dy: Array, context: Context) -> tuple[Array | None, Params]:
        """(dx or None, {"weight", "bias"}): delta = dy * phi'(v) first."""
        x, kept = cache
        delta, gradients = self._delta(params, kept, dy, context)
        windows, _ = self._windows(x.shape[1:])
        gradients["weight"] = ops.convolve_dw(x, delta, windows, self.groups)
        if not context.need_dx:
            return None, gradients
        return ops.convolve_dx(delta, params["weight"], windows, x.shape[1:-1], self.groups), gradients

    def _windows(self, in_shape: Shape) -> tuple[ops.Windows, Shape]:
        space = space_of(self.NAME, self.AXES, in_shape)
        return windows_over(self.NAME, space, *self._sizes, self._padding)

    @cached_property
    def _sizes(self) -> tuple[Shape, Shape, Shape]:
        """(kernel size, stride, dilation), a number for each axis."""
        along = partial(along_axes, self.NAME, self.AXES, 1)
        return along(kernel_size=self.kernel_size), along(stride=self.stride), along(dilation=self.dilation)

    @cached_property
    def _padding(self) -> Any:
        return checked_padding(self.NAME, self.AXES, self.padding)
