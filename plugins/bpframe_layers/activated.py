"""Common code of layers that end in a bias and an activation, v = phi(u), u = ... + b, and the way back.

Shapes: u, v and slopes (B, *S, n), bias b (n,).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bpframe.plugin import (
    Activation,
    Array,
    Cache,
    Context,
    Initializer,
    Layer,
    Params,
    Shape,
    as_layer,
    draw_parameter,
    ops,
)

INNER = "activation"  # where a layer keeps the parameters of its activation


class Activated:
    """What such layers have in common; their fields are their own."""

    filters: int
    activation: Activation | Layer | None
    bias: bool
    bias_initializer: Initializer

    @property
    def range(self) -> str | None:
        """Any number without an activation, otherwise as that."""
        return "(-inf, inf)" if self.activation is None else None

    def _with_end(
        self, params: Params, rng: np.random.Generator, fans: tuple[int, int], space: Shape
    ) -> tuple[Params, Shape]:
        """(the parameters with bias, and with those of the activation, if it has any; the shape of its rows)."""
        if self.bias:
            params = {**params, "bias": draw_parameter(self.bias_initializer, rng, (self.filters,), *fans)}
        if self.activation is None:
            return params, (*space, self.filters)
        inner, shape = as_layer(self.activation).init(rng, (*space, self.filters))
        return ({**params, INNER: inner} if inner else params), shape

    def _activate(self, params: Params, u: Any, context: Context) -> tuple[Array, Cache]:
        """(v, what the activation keeps), of u without bias, to which it is added in place."""
        if self.bias:
            u += params["bias"]
        if self.activation is None:
            return u, None
        return as_layer(self.activation).forward(params.get(INNER, {}), u, context.child(INNER))

    def _delta(self, params: Params, kept: Cache, dv: Array, context: Context) -> tuple[Array, Params]:
        """(delta = dv phi'(v), the gradients of bias and activation)."""
        delta, gradients = dv, Params()
        if self.activation is not None:
            own = as_layer(self.activation).backward(params.get(INNER, {}), kept, dv, context.child(INNER))
            delta = own[0]  # type: ignore[assignment]  # which is needed here
            gradients = {INNER: own[1]} if own[1] else gradients
        if self.bias:
            gradients["bias"] = ops.sum_rows(ops.flat_rows(delta))
        return delta, gradients
