"""Simple recurrent layer (rnn).

Shapes: x (B, T, n), y (B, m), or (B, T, m) with `sequences`; m units; weight w (n, m), bias b (m,), recurrent weight
u (m, m); of a step x (B, n), h (B, m).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np

from bpframe.plugin import (
    Activation,
    Array,
    Cache,
    ConfigError,
    Context,
    HostArray,
    Initializer,
    Params,
    Shape,
    checks,
    draw_parameter,
    ops,
)
from bpframe_activations.tanh import Tanh
from bpframe_initializers.glorot_uniform import GlorotUniform
from bpframe_initializers.orthogonal import Orthogonal
from bpframe_initializers.zeros import Zeros
from bpframe_layers import recurrent


@final
@dataclass(frozen=True)
class Rnn:
    """h <- phi(x w + b + h u), from h = 0 over the steps of a row; delta = dh phi'(h) goes back by u^T.

    y is the last h, or with `sequences` that of every step. `reverse` goes from the last step to the first. phi is an
    activation whose slope follows from its value. PyTorch has a second bias, whose sum with b counts.
    `mask_value`: steps of which every number is that leave the state as it is, as padding behind short rows.
    Source: Elman (1990), Finding structure in time, Cognitive Science 14.
    """

    units: int
    activation: Activation = Tanh()
    sequences: bool = False
    reverse: bool = False
    mask_value: float | None = None
    weight_initializer: Initializer = GlorotUniform()
    recurrent_initializer: Initializer = Orthogonal()
    bias_initializer: Initializer = Zeros()

    def __post_init__(self) -> None:
        checks.whole("rnn", 1, units=self.units)
        if not hasattr(self.activation, "value"):
            raise ConfigError(
                f"rnn needs an activation whose slope follows from its value, as tanh, relu or sigmoid, got "
                f"{self.activation!r}."
            )

    @classmethod
    def example_configs(cls) -> list[dict[str, Any]]:
        """Both outputs, both ways."""
        return [
            {"units": 3, "mask_value": 0.0},
            {"units": 3, "sequences": True, "reverse": True, "activation": "sigmoid"},
        ]

    def example_input(self, rng: np.random.Generator) -> HostArray:
        """Rows of 3 steps of 2 numbers (4, 3, 2)."""
        return rng.normal(size=(4, 3, 2))

    def init(self, rng: np.random.Generator, in_shape: Shape) -> tuple[Params, Shape]:
        """{"weight", "bias", "recurrent": {"weight"}}; rows (m,) or (T, m)."""
        n, m = recurrent.features("rnn", in_shape), self.units
        weight = draw_parameter(self.weight_initializer, rng, (n, m), n, m)
        inner = {"weight": draw_parameter(self.recurrent_initializer, rng, (m, m), m, m)}
        bias = draw_parameter(self.bias_initializer, rng, (m,), n, m)
        return {"weight": weight, "bias": bias, "recurrent": inner}, recurrent.out_shape(in_shape, m, self.sequences)

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Cache]:
        """(y, (x, h before each step, h after it))."""
        u, phi = params["recurrent"]["weight"], self.activation.value

        def step(h: Any, at: Any) -> tuple[Any, Any]:
            a, counts = at
            after = recurrent.chosen(counts, phi(a + h @ u), h)
            return after, (h, after)

        steps = recurrent.steps_of(x, params), recurrent.counted_steps(x, self.mask_value)
        last, (before, after) = ops.scan(step, recurrent.start(x, self.units), steps, reverse=self.reverse)
        return (recurrent.swapped(after) if self.sequences else last), (x, before, after)

    def backward(self, params: Params, cache: Cache, dy: Array, context: Context) -> tuple[Array | None, Params]:
        """(dx or None, gradients like the parameters)."""
        x, before, after = cache
        u = params["recurrent"]["weight"].T

        def step(dh: Any, at: Any) -> tuple[Any, Any]:
            slope, derivative, counts = at
            dh = dh if slope is None else dh + slope
            delta = recurrent.chosen(counts, dh * derivative, 0.0)
            return recurrent.chosen(counts, delta @ u, dh), delta

        last, by_step = recurrent.slopes(dy, self.sequences)
        slopes = by_step, self.activation.derivative(after), recurrent.counted_steps(x, self.mask_value)
        _, delta = ops.scan(step, last, slopes, reverse=not self.reverse)
        dx, gradients = recurrent.steps_backward(x, params, delta, context.need_dx)
        inner = ops.matmul_tn(recurrent.joined(before), recurrent.joined(delta))
        return dx, {**gradients, "recurrent": {"weight": inner}}
