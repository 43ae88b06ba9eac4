"""Spectral normalization of another layer.

Shapes: the layer's weight w (..., m) as a matrix (n, m); u (n,) and v (m,) its first singular vectors.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np

from bpframe.plugin import Array, Cache, Context, Layer, Params, Shape, checks, ops
from bpframe_layers.weight_wrapper import WEIGHT, as_matrix, init_weighted, take_traits

EPS = 1e-12  # as PyTorch's
FIRST = 15  # steps of power iteration before the first update, as PyTorch's


@final
@dataclass(frozen=True)
class SpectralNorm:
    """y = layer(x) with the weight w / sigma, sigma = u^T w v: the largest singular value of w, so that none is over 1.

    With W = w / sigma: dw = (dW - (dW . W) u v^T) / sigma, u and v being constants. These are buffers, which every
    update moves by `steps` steps of power iteration, v <- w^T u / ||w^T u||, u <- w v / ||w v||; before the first one
    by 15; where a rule averages they stay those of the trained weight. The other parameters are the layer's. Of more
    axes than two all but the last are one, as PyTorch has them for layers with outputs in front; its transposed
    convolutions have another matrix.
    Source: Miyato et al. (2018), Spectral normalization for generative adversarial networks, arXiv:1802.05957,
    algorithm 1 and equation 12.
    """

    layer: Layer
    steps: int = 1

    def __post_init__(self) -> None:
        checks.whole("spectral_norm", 1, steps=self.steps)
        take_traits(self, self.layer)

    @classmethod
    def example_configs(cls) -> list[dict[str, Any]]:
        """Of a dense layer, with and without a bias."""
        dense = {"name": "dense", "units": 4}
        return [{"layer": {**dense, "activation": "tanh"}}, {"layer": {**dense, "bias": False}, "steps": 2}]

    def init(self, rng: np.random.Generator, in_shape: Shape) -> tuple[Params, Shape]:
        """The layer's parameters, and buffers u and v near the singular vectors of its weight; rows as it gives."""
        others, weight, shape = init_weighted("spectral_norm", self.layer, rng, in_shape)
        w = as_matrix(np.asarray(weight, dtype=np.float64))
        u, v = iterated(w, _unit(rng.normal(size=w.shape[0])), FIRST)
        return {WEIGHT: weight, **others, "buffers": {"u": u, "v": v}}, shape

    def refresh(self, params: Params, cache: Cache) -> Params:
        """u and v nearer to the singular vectors of the present weight."""
        u, v = iterated(as_matrix(params[WEIGHT]), params["buffers"]["u"], self.steps)
        return {**params, "buffers": {"u": u, "v": v}}

    def statistics(self, params: Params, cache: Cache) -> Params:
        """The same: training and evaluation divide by the same number."""
        return params

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Cache]:
        """(y, what the layer keeps)."""
        return self.layer.forward(_inner(params), x, context)

    def backward(self, params: Params, cache: Cache, dy: Array, context: Context) -> tuple[Array | None, Params]:
        """(dx or None, {"weight"} and the layer's others)."""
        own = _inner(params)
        dx, gradients = self.layer.backward(own, cache, dy, context)
        d: Any = gradients[WEIGHT]
        u, v, sigma = params["buffers"]["u"], params["buffers"]["v"], _sigma(params)
        xp = ops.namespace(d)
        along = xp.where(sigma > EPS, ops.inner(d, own[WEIGHT]), xp.zeros_like(sigma))
        dw = (d - along * xp.reshape(u[:, None] * v, d.shape)) / xp.maximum(sigma, EPS)
        return dx, {**gradients, WEIGHT: dw}


def iterated(w: Array, u: Array, steps: int) -> tuple[Any, Any]:
    """(u, v) after so many steps of power iteration on w (n, m)."""
    v: Any = None
    for _ in range(steps):
        v = _unit(w.T @ u)
        u = _unit(w @ v)
    return u, v


def _inner(params: Params) -> Params:
    """The layer's own parameters."""
    xp, w = ops.namespace(params[WEIGHT]), params[WEIGHT]
    others = {name: value for name, value in params.items() if name not in (WEIGHT, "buffers")}
    return {WEIGHT: w / xp.maximum(_sigma(params), EPS), **others}


def _sigma(params: Params) -> Any:
    """u^T w v, 0-d."""
    u, v = params["buffers"]["u"], params["buffers"]["v"]
    return ops.inner(u, as_matrix(params[WEIGHT]) @ v)


def _unit(x: Array) -> Any:
    """x of length 1; 0 stays."""
    xp: Any = ops.namespace(x)
    peak = xp.maximum(xp.max(xp.abs(x)), EPS)
    x = x / peak
    return x / xp.maximum(xp.sqrt(ops.inner(x, x)), EPS)
