"""Gaussian latent variables, as between the two halves of a variational autoencoder.

Shapes: x (B, ..., n), a (B, ..., 2 m) the means and then the logarithms u of the variances; y, mean, u and e
(B, ..., m); weight w (n, 2 m), bias b (2 m,).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, ClassVar, final

import numpy as np

from bpframe.plugin import Array, Cache, Context, Initializer, Params, Shape, checks, ops
from bpframe_initializers.glorot_uniform import GlorotUniform
from bpframe_initializers.zeros import Zeros
from bpframe_layers.dense import Dense

LARGEST = 20.0  # of u, from which exp goes on along its tangent, so that nothing overflows


@final
@dataclass(frozen=True)
class GaussianLatent:
    """y = mean + exp(u / 2) e, e standard normal, with (mean, u) = x w + b; in evaluation y = mean.

    Adds strength KL(N(mean, exp u) || N(0, 1)) to the objective, KL = sum of (mean^2 + exp u - 1 - u) / 2 over the m
    variables, its mean over the rows that count. With a loss that is a negative log likelihood, gaussian_nll or
    sigmoid_cross_entropy, and a `strength` of 1 the objective is that of the evidence lower bound; otherwise it is the
    beta of beta-VAE.
    Source: Kingma and Welling (2014), Auto-encoding variational Bayes, arXiv:1312.6114, appendix B; beta: Higgins et
    al. (2017), beta-VAE, ICLR.
    """

    units: int
    strength: float = 1.0
    weight_initializer: Initializer = GlorotUniform()
    bias_initializer: Initializer = Zeros()
    moments: Dense = field(init=False, repr=False, compare=False)
    stochastic: ClassVar[bool] = True
    range: ClassVar[str] = "(-inf, inf)"

    def __post_init__(self) -> None:
        checks.whole("gaussian_latent", 1, units=self.units)
        checks.not_negative("gaussian_latent", strength=self.strength)
        initializers = {name: getattr(self, name) for name in ("weight_initializer", "bias_initializer")}
        object.__setattr__(self, "moments", Dense(2 * self.units, **initializers))

    def init(self, rng: np.random.Generator, in_shape: Shape) -> tuple[Params, Shape]:
        """{"weight", "bias"}; rows (..., m)."""
        params, shape = self.moments.init(rng, in_shape)
        return params, (*shape[:-1], self.units)

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Cache]:
        """(y, (what a takes, a, e))."""
        a, kept = self.moments.forward(params, x, context)
        mean, u = a[..., : self.units], a[..., self.units :]
        if not context.training:
            return mean, (kept, a, None)
        e = context.key.normal(mean)
        return mean + _exp(u / 2, LARGEST / 2) * e, (kept, a, e)

    def backward(self, params: Params, cache: Cache, dy: Array, context: Context) -> tuple[Array | None, Params]:
        """(dx or None, {"weight", "bias"}): da is dy, and dy e exp(u / 2) / 2 beside it."""
        kept, a, e = cache
        xp, u = ops.namespace(dy), a[..., self.units :]
        du = xp.zeros_like(dy) if e is None else dy * e * _exp_slope(u / 2, LARGEST / 2) / 2
        return self.moments.backward(params, kept, xp.concat([dy, du], axis=-1), context)

    def auxiliary(self, params: Params, cache: Cache, context: Context) -> tuple[Array, Array | None, Params]:
        """(strength times the mean KL, its slopes)."""
        kept, a, _ = cache
        xp, mask = ops.namespace(a), ops.mask_of(context, a)
        mean, u = a[..., : self.units], a[..., self.units :]
        kl = (mean * mean + _exp(u, LARGEST) - 1 - u) / 2
        da = xp.concat([mean, (_exp_slope(u, LARGEST) - 1) / 2], axis=-1)
        rows: Any = math.prod(a.shape[:-1])
        if mask is not None:
            rows = ops.counted_rows(mask, a) * math.prod(a.shape[mask.ndim : -1])
            counts = ops.along_rows(mask, a)
            kl, da = xp.where(counts, kl, 0.0), xp.where(counts, da, 0.0)
        share = self.strength / (max(1, rows) if mask is None else xp.maximum(rows, 1.0))
        dx, gradients = self.moments.backward(params, kept, da * share, context)
        return xp.sum(kl) * share, dx, gradients


def _exp(u: Array, end: float) -> Any:
    """exp u, from `end` on its tangent there."""
    return _exp_slope(u, end) * (1 + ops.namespace(u).maximum(u - end, 0.0))


def _exp_slope(u: Array, end: float) -> Any:
    xp = ops.namespace(u)
    return xp.exp(xp.minimum(u, end))
