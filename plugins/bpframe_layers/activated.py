"""Common code of layers that end in an activation: v = phi(u), and the way back.  u, v and slopes (B, ..., n)."""

from __future__ import annotations

import numpy as np

from bpframe.plugin import Activation, Array, Cache, Context, Layer, Params, Shape, as_layer

INNER = "activation"  # where a layer keeps the parameters of its activation


def with_activation(
    params: Params, phi: Activation | Layer | None, rng: np.random.Generator, shape: Shape
) -> tuple[Params, Shape]:
    """(the parameters with those of the activation, if it has any; the shape of its rows)."""
    if phi is None:
        return params, shape
    inner, shape = as_layer(phi).init(rng, shape)
    return ({**params, INNER: inner} if inner else params), shape


def activate(phi: Activation | Layer | None, params: Params, u: Array, context: Context) -> tuple[Array, Cache]:
    """(v, what the activation keeps)."""
    if phi is None:
        return u, None
    return as_layer(phi).forward(params.get(INNER, {}), u, context.child(INNER))


def activation_slope(
    phi: Activation | Layer | None, params: Params, kept: Cache, dv: Array, context: Context
) -> tuple[Array, Params]:
    """(delta = dv phi'(v), the gradients of the activation's parameters under its name)."""
    if phi is None:
        return dv, {}
    delta, inner = as_layer(phi).backward(params.get(INNER, {}), kept, dv, context.child(INNER))
    return delta, ({INNER: inner} if inner else {})  # type: ignore[return-value]  # dx is needed here
