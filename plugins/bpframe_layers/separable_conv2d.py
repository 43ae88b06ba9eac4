"""Separable convolution over height and width: space first, then channels (conv2d).

Shapes: x (B, H, W, C), depthwise weight d (k, l, 1, C m), pointwise weight w (C m, F), bias b (F,), t (B, O, P, C m),
u and delta (B, O, P, F); m is depth_multiplier, F filters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from math import prod
from typing import Any, Literal, cast, final

import numpy as np

from bpframe.plugin import (
    Activation,
    Array,
    Cache,
    Context,
    HostArray,
    Initializer,
    Layer,
    Params,
    Shape,
    checks,
    draw_parameter,
    ops,
)
from bpframe_initializers.glorot_uniform import GlorotUniform
from bpframe_initializers.zeros import Zeros
from bpframe_layers.activated import Activated
from bpframe_layers.sliding import along_axes, checked_padding, fixed, space_of, windows_over

NAME, AXES = "separable_conv2d", 2


@final
@dataclass(frozen=True)
class SeparableConv2d(Activated):
    """t = depthwise convolution of x with d, each channel by itself; u = t w + b, v = phi(u).

    delta = dv phi'(v); dw = t^T delta, db = sum of delta, dt = delta w^T; dd and dx are those of the depthwise
    convolution for dt. Each channel has m kernels of its own. Of a full convolution's k l C F products a position it
    takes k l C m + C m F. `padding`, `stride`, `dilation` as of conv2d, for the depthwise part. Keras keeps d as
    (k, l, C, m).
    Source: Chollet (2017), Xception: deep learning with depthwise separable convolutions, arXiv:1610.02357.
    """

    filters: int
    kernel_size: int | Sequence[int] = 3
    stride: int | Sequence[int] = 1
    padding: Literal["valid", "same"] | int | Sequence[Any] = "valid"
    dilation: int | Sequence[int] = 1
    depth_multiplier: int = 1
    activation: Activation | Layer | None = None
    bias: bool = True
    depthwise_initializer: Initializer = GlorotUniform()
    weight_initializer: Initializer = GlorotUniform()
    bias_initializer: Initializer = Zeros()

    def __post_init__(self) -> None:
        checks.whole(NAME, 1, filters=self.filters)
        checks.whole(NAME, 1, depth_multiplier=self.depth_multiplier)
        for name in ("kernel_size", "stride", "padding", "dilation"):
            object.__setattr__(self, name, fixed(getattr(self, name)))
        _ = self._sizes, self._padding

    @classmethod
    def example_configs(cls) -> list[dict[str, Any]]:
        """Plain; with two kernels a channel, stride and activation."""
        settings = {"filters": 2, "kernel_size": 2, "stride": 2, "padding": "same", "depth_multiplier": 2}
        return [{"filters": 3}, {**settings, "activation": "tanh", "bias": False}]

    def example_input(self, rng: np.random.Generator) -> HostArray:
        """Rows of 5 x 6 with 2 channels (3, ...)."""
        return rng.normal(size=(3, 5, 6, 2))

    def init(self, rng: np.random.Generator, in_shape: Shape) -> tuple[Params, Shape]:
        """{"depthwise": {"weight" (k, l, 1, C m)}, "weight" (C m, F), "bias" (F,)} and the activation's; (O, P, n)."""
        (_, positions), c, m = self._windows(in_shape), in_shape[-1], self.depth_multiplier
        size = self._sizes[0]
        draw = draw_parameter(self.depthwise_initializer, rng, (*size, 1, c * m), prod(size), prod(size) * m)
        weight = draw_parameter(self.weight_initializer, rng, (c * m, self.filters), c * m, self.filters)
        params: Params = {"depthwise": {"weight": draw}, "weight": weight}
        return self._with_end(params, rng, (c * m, self.filters), positions)

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Cache]:
        """(v, (x, t, what the activation keeps))."""
        spatial = cast(Params, params["depthwise"])["weight"]
        t = ops.convolve(x, spatial, self._windows(x.shape[1:])[0], x.shape[-1])
        u: Any = t @ params["weight"]
        v, kept = self._activate(params, u, context)
        return v, (x, t, kept)

    def backward(self, params: Params, cache: Cache, dy: Array, context: Context) -> tuple[Array | None, Params]:
        """(dx or None, {"depthwise": {"weight"}, "weight", "bias"}): delta = dy * phi'(v) first."""
        x, t, kept = cache
        delta, gradients = self._delta(params, kept, dy, context)
        xp, (windows, _), c = ops.namespace(delta), self._windows(x.shape[1:]), x.shape[-1]
        rows = xp.reshape(delta, (-1, self.filters))
        gradients["weight"] = ops.matmul_tn(xp.reshape(t, (-1, t.shape[-1])), rows)
        weight: Any = params["weight"]
        dt: Any = delta @ weight.T
        gradients["depthwise"] = {"weight": ops.convolve_dw(x, dt, windows, c)}
        if not context.need_dx:
            return None, gradients
        spatial = cast(Params, params["depthwise"])["weight"]
        return ops.convolve_dx(dt, spatial, windows, x.shape[1:-1], c), gradients

    def _windows(self, in_shape: Shape) -> tuple[ops.Windows, Shape]:
        return windows_over(NAME, space_of(NAME, AXES, in_shape), *self._sizes, self._padding)

    @cached_property
    def _sizes(self) -> tuple[Shape, Shape, Shape]:
        """(kernel size, stride, dilation), a number for each axis."""
        along = partial(along_axes, NAME, AXES, 1)
        return along(kernel_size=self.kernel_size), along(stride=self.stride), along(dilation=self.dilation)

    @cached_property
    def _padding(self) -> Any:
        return checked_padding(NAME, AXES, self.padding)
