"""Fully connected layer.  Shapes: x (B, n), weight w (n, units), bias b (units,), u and delta (B, units), v (B, m).

Rows of more axes, x (B, *S, n), give u (B, *S, units): each position is a row of its own. m is units, but for an
activation that changes the width: half of it for glu.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, final

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
    ShapeError,
    as_layer,
    checks,
    draw_parameter,
    ops,
)
from bpframe_initializers.glorot_uniform import GlorotUniform
from bpframe_initializers.zeros import Zeros
from bpframe_layers.multiplied import FACTORS, declare_multipliers


@final
@dataclass(frozen=True)
class Dense:
    """u = x w + b, v = phi(u); delta = dv * phi'(v), dw = x^T delta, db = sum of delta over the batch, dx = delta w^T.

    Without an activation v = u. `bias=False` leaves b out. `lr_multiplier` and `decay_multiplier` are factors of the
    learning rate and of the decay of w alone, as a width that grows asks for (Yang et al. 2022, arXiv:2203.03466).
    Source: Rumelhart, Hinton and Williams (1986), Learning representations by back-propagating errors.
    """

    units: int
    activation: Activation | Layer | None = None
    bias: bool = True
    weight_initializer: Initializer = GlorotUniform()
    bias_initializer: Initializer = Zeros()
    lr_multiplier: float | None = None
    decay_multiplier: float | None = None
    fixed_settings: ClassVar[tuple[str, ...]] = FACTORS

    def __post_init__(self) -> None:
        checks.positive("dense", units=self.units)
        declare_multipliers("dense", self, self.activation)
        if hasattr(self.weight_initializer, "adapt"):
            object.__setattr__(self, "start", self._start)

    @property
    def range(self) -> str | None:
        """Any number without an activation, otherwise as that."""
        return "(-inf, inf)" if self.activation is None else None

    def init(self, rng: np.random.Generator, in_shape: Shape) -> tuple[Params, Shape]:
        """{"weight" (n, units), "bias" (units,)} and whatever the activation has; rows as the activation gives."""
        if not in_shape:
            raise ShapeError(f"dense needs rows with an axis of features, (..., n), got {in_shape}. Reshape them.")
        n, out = in_shape[-1], self.units
        params: Params = {"weight": draw_parameter(self.weight_initializer, rng, (n, out), n, out)}
        if self.bias:
            params["bias"] = draw_parameter(self.bias_initializer, rng, (out,), n, out)
        if self.activation is None:
            return params, (*in_shape[:-1], out)
        inner, shape = as_layer(self.activation).init(rng, (*in_shape[:-1], out))
        return {**params, "activation": inner} if inner else params, shape

    def _start(self, params: Params, x: HostArray) -> Params:
        """Weights from the training inputs; the capability `start` where their initializer looks at these."""
        initializer: Any = self.weight_initializer
        return {**params, "weight": initializer.adapt(params["weight"], x)}

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Cache]:
        """(v, (x, what the activation keeps))."""
        u = ops.affine(ops.flat_rows(x), params["weight"], params["bias"] if self.bias else None, context.training)
        if x.ndim != 2:
            u = ops.namespace(x).reshape(u, (*x.shape[:-1], self.units))
        if self.activation is None:
            return u, (x, None)
        phi: Any = self.activation
        if not hasattr(phi, "forward"):  # what as_layer(phi) does, which alone would take a fifth of a small product
            v = phi.value(u)
            return v, (x, v)
        v, kept = phi.forward(params.get("activation", {}), u, context.child("activation"))
        return v, (x, kept)

    def backward(self, params: Params, cache: Cache, dy: Array, context: Context) -> tuple[Array | None, Params]:
        """(dx or None, {"weight", "bias"}): delta = dy * phi'(v) first, then three products with it."""
        x, kept = cache
        inner: Params = {}
        delta: Any = dy
        if self.activation is not None:
            phi = as_layer(self.activation)
            delta, inner = phi.backward(params.get("activation", {}), kept, dy, context.child("activation"))
        rows = ops.flat_rows(delta)
        gradients: Params = {"weight": ops.matmul_tn(ops.flat_rows(x), rows)}
        if self.bias:
            gradients["bias"] = ops.sum_rows(rows)
        if inner:
            gradients["activation"] = inner
        if not context.need_dx:
            return None, gradients
        dx = ops.matmul(rows, params["weight"].T)
        return (dx if x.ndim == 2 else ops.namespace(dx).reshape(dx, x.shape)), gradients
