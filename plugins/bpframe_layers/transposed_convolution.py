"""Common code of transposed convolutions over one or two axes of space.

Shapes: x (B, *S, C), weight w (*K, F, C / groups), bias b (F,), u and delta (B, *O, F), v (B, *O, m); F is filters.
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
from bpframe_layers.sliding import along_axes, checked_padding, fixed, space_of


@dataclass(frozen=True)
class TransposedConvolution(Activated):
    """The way back of a convolution over `AXES` axes of space as a layer; its subclass has the name."""

    filters: int
    kernel_size: int | Sequence[int] = 3
    stride: int | Sequence[int] = 1
    padding: Literal["valid", "same"] | int | Sequence[Any] = "valid"
    dilation: int | Sequence[int] = 1
    output_padding: int | Sequence[int] = 0
    activation: Activation | Layer | None = None
    bias: bool = True
    weight_initializer: Initializer = GlorotUniform()
    bias_initializer: Initializer = Zeros()
    AXES: ClassVar[int] = 0
    NAME: ClassVar[str] = ""

    def __post_init__(self) -> None:
        checks.whole(self.NAME, 1, filters=self.filters)
        for name in ("kernel_size", "stride", "padding", "dilation", "output_padding"):
            object.__setattr__(self, name, fixed(getattr(self, name)))
        if self.padding == "causal":
            raise ConfigError(f"{self.NAME} needs valid, same, a number or pairs as padding, got 'causal'.")
        _ = self._sizes, self._padding

    @classmethod
    def example_configs(cls) -> list[dict[str, Any]]:
        """Plain; as large as a window; with padding, activation and a kernel that overlaps itself."""
        return [
            {"filters": 3, "bias": False},
            {"filters": 2, "kernel_size": 2, "stride": 2, "activation": "tanh"},
            {"filters": 2, "stride": 2, "padding": "same"},
            {"filters": 2, "stride": 2, "padding": 1, "output_padding": 1},
        ]

    def example_input(self, rng: np.random.Generator) -> HostArray:
        """Rows of 3 x 4 with 2 channels (3, ...)."""
        return rng.normal(size=(3, *(3, 4)[: self.AXES], 2))

    def init(self, rng: np.random.Generator, in_shape: Shape) -> tuple[Params, Shape]:
        """{"weight" (*K, F, C), "bias" (F,)} and whatever the activation has; rows (*O, m).

        fan_in is prod(K) C, fan_out prod(K) F.
        """
        (_, space), c, size = self._windows(in_shape), in_shape[-1], self._sizes[0]
        fans = prod(size) * c, prod(size) * self.filters
        params: Params = {"weight": draw_parameter(self.weight_initializer, rng, (*size, self.filters, c), *fans)}
        return self._with_end(params, rng, fans, space)

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Cache]:
        """(v, (x, what the activation keeps))."""
        windows, space = self._windows(x.shape[1:])
        u: Any = ops.convolve_dx(x, params["weight"], windows, space)
        v, kept = self._activate(params, u, context)
        return v, (x, kept)

    def backward(self, params: Params, cache: Cache, dy: Array, context: Context) -> tuple[Array | None, Params]:
        """(dx or None, {"weight", "bias"}): delta = dy * phi'(v) first."""
        x, kept = cache
        delta, gradients = self._delta(params, kept, dy, context)
        windows, _ = self._windows(x.shape[1:])
        gradients["weight"] = ops.convolve_dw(delta, x, windows)
        return (ops.convolve(delta, params["weight"], windows) if context.need_dx else None), gradients

    def _windows(self, in_shape: Shape) -> tuple[ops.Windows, Shape]:
        """(the windows of the convolution whose way back this is, the space that they slide over)."""
        positions = space_of(self.NAME, self.AXES, in_shape)
        size, stride, dilation, more = self._sizes
        reach = ops.Windows(size, stride, dilation, ()).reach
        whole = [(n - 1) * s + r for n, s, r in zip(positions, stride, reach, strict=True)]
        if self.padding == "same":  # as many cells as positions times stride
            spare = [max(0, r - s) for r, s in zip(reach, stride, strict=True)]
            pairs = tuple((n // 2, n - n // 2) for n in spare)
            space = tuple(n * s for n, s in zip(positions, stride, strict=True))
        else:
            pairs = ((0, 0),) * self.AXES if self.padding == "valid" else self._padding
            space = tuple(n - sum(pair) + m for n, pair, m in zip(whole, pairs, more, strict=True))
        windows = ops.Windows(size, stride, dilation, pairs)
        if min(space) < 1 or windows.positions(space) != positions:
            raise ShapeError(
                f"{self.NAME} needs an output_padding below its stride, and more cells than its padding takes away, "
                f"got rows {in_shape} that would become {space}."
            )
        return windows, space

    @cached_property
    def _sizes(self) -> tuple[Shape, Shape, Shape, Shape]:
        """(kernel size, stride, dilation, output padding), a number for each axis."""
        along = partial(along_axes, self.NAME, self.AXES)
        sizes = along(1, kernel_size=self.kernel_size), along(1, stride=self.stride)
        return *sizes, along(1, dilation=self.dilation), along(0, output_padding=self.output_padding)

    @cached_property
    def _padding(self) -> Any:
        return checked_padding(self.NAME, self.AXES, self.padding)
