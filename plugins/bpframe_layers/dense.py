"""Fully connected layer.  Shapes: x (B, n), weight w (n, units), bias b (units,), u and delta (B, units), v (B, m).

m is units, but for an activation that changes the width: half of it for glu.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np

from bpframe.plugin import (
    Activation,
    Adapt,
    Array,
    Cache,
    Context,
    HostArray,
    Initializer,
    Layer,
    Params,
    Shape,
    ShapeError,
    as_layer,
    checks,
    draw_parameter,
    ops,
)
from bpframe_initializers.glorot_uniform import GlorotUniform
from bpframe_initializers.zeros import Zeros


@final
@dataclass(frozen=True)
class Dense:
    """u = x w + b, v = phi(u); delta = dv * phi'(v), dw = x^T delta, db = sum of delta over the batch, dx = delta w^T.

    Without an activation v = u. `bias=False` leaves b out.
    Source: Rumelhart, Hinton and Williams (1986), Learning representations by back-propagating errors.
    """

    units: int
    activation: Activation | Layer | None = None
    bias: bool = True
    weight_initializer: Initializer = GlorotUniform()
    bias_initializer: Initializer = Zeros()

    def __post_init__(self) -> None:
        checks.positive("dense", units=self.units)
        if isinstance(self.weight_initializer, Adapt):
            object.__setattr__(self, "start", self._start)

    @property
    def range(self) -> str | None:
        """Any number without an activation, otherwise as that."""
        return "(-inf, inf)" if self.activation is None else None

    def init(self, rng: np.random.Generator, in_shape: Shape) -> tuple[Params, Shape]:
        """{"weight" (n, units), "bias" (units,)} and whatever the activation has; rows as the activation gives."""
        if len(in_shape) != 1:
            raise ShapeError(f"dense needs rows of one axis, (n,), got {in_shape}. Flatten them first.")
        n, out = in_shape[0], self.units
        params: Params = {"weight": draw_parameter(self.weight_initializer, rng, (n, out), n, out)}
        if self.bias:
            params["bias"] = draw_parameter(self.bias_initializer, rng, (out,), n, out)
        if self.activation is None:
            return params, (out,)
        inner, shape = as_layer(self.activation).init(rng, (out,))
        return {**params, "activation": inner} if inner else params, shape

    def _start(self, params: Params, x: HostArray) -> Params:
        """Weights from the training inputs; the capability `start` where their initializer looks at these."""
        initializer: Any = self.weight_initializer
        return {**params, "weight": initializer.adapt(params["weight"], x)}

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Cache]:
        """(v, (x, what the activation keeps))."""
        u = ops.matmul(x, params["weight"])
        if self.bias:
            u += params["bias"]
        if self.activation is None:
            return u, (x, None)
        v, kept = as_layer(self.activation).forward(params.get("activation", {}), u, context.child("activation"))
        return v, (x, kept)

    def backward(self, params: Params, cache: Cache, dy: Array, context: Context) -> tuple[Array | None, Params]:
        """(dx or None, {"weight", "bias"}): delta = dy * phi'(v) first, then three products with it."""
        x, kept = cache
        inner: Params = {}
        delta: Any = dy
        if self.activation is not None:
            phi = as_layer(self.activation)
            delta, inner = phi.backward(params.get("activation", {}), kept, dy, context.child("activation"))
        gradients: Params = {"weight": ops.matmul_tn(x, delta)}
        if self.bias:
            gradients["bias"] = ops.sum_rows(delta)
        if inner:
            gradients["activation"] = inner
        return (ops.matmul(delta, params["weight"].T) if context.need_dx else None), gradients
