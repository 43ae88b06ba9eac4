"""Batch normalisation.  Shapes: x, z and y (B, ..., n); scale, shift and running statistics (n,).

Means are over every axis but the last, that is over m = B ... numbers a feature.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, cast, final

import numpy as np

from bpframe.plugin import Array, Cache, Context, Params, Shape, checks, ops
from bpframe_layers.moments import (
    LeftOut,
    affine,
    affine_backward,
    affine_init,
    centred,
    features,
    mean,
    numbers,
    take_convention,
    unit,
    unit_backward,
)


@final
@dataclass(frozen=True)
class BatchNorm:
    """y = scale z + shift, z = (x - mean) / sqrt(var + eps), with mean and variance of each feature over the batch.

    Through both: with dz = scale dy, dx = (dz - mean(dz) - z mean(dz z)) / sqrt(var + eps). In evaluation mean and
    var are the running ones, constants: running <- momentum running + (1 - momentum) batch after each step (PyTorch's
    momentum is 1 - this one). They start at 0 and 1. The batch is scaled by its variance divided by m; the running
    variance gathers the unbiased one, divided by m - 1, as in the paper and PyTorch. That is the `convention` "torch",
    with momentum 0.9 and eps 1e-5 where they are left out, also without any; "keras" divides by m (as Flax does), with
    0.99 and 1e-3. A batch of one number a feature gives y = shift, moves the running mean and says nothing of the
    variance. Rows of sample weight 0 (`Context.mask`) are in no mean; other weights do not count.
    After a step of a rule that minimizes the objective itself (lbfgs) they are those of its batch, as it was scaled.
    Where a rule averages (ema, lookahead, schedule_free), predictions go with statistics of the averaged parameters.
    Where scale and shift are frozen, running statistics stand still and the layer works as in evaluation (as in Keras);
    without any parameters, scale=False and center=False, it cannot be frozen and goes on.
    Source: Ioffe and Szegedy (2015), arXiv:1502.03167, algorithms 1 and 2.
    """

    momentum: float | None = None
    eps: float | None = None
    center: bool = True
    scale: bool = True
    convention: Literal["torch", "keras"] | None = None
    left_out: ClassVar[LeftOut] = {
        "convention": {"torch": {"momentum": 0.9, "eps": 1e-5}, "keras": {"momentum": 0.99, "eps": 1e-3}}
    }
    range: ClassVar[str] = "(-inf, inf)"

    def __post_init__(self) -> None:
        take_convention("batch_norm", self)
        checks.fraction("batch_norm", momentum=self._momentum)
        checks.positive("batch_norm", eps=self._eps)

    def golden(self) -> list[tuple[Any, ...]]:
        """By hand: batches of mean 2, variance 2 and mean 6, variance 8 (unbiased), each halved into 0 and 1."""
        arguments = {"momentum": 0.5, "eps": 0.25, "center": False, "scale": False}
        return [(arguments, [[[1.0], [3.0]], [[4.0], [8.0]]], [[3.5], [6.0]], [[0.0], [2.5 / 5**0.5]])]

    def init(self, rng: np.random.Generator, in_shape: Shape) -> tuple[Params, Shape]:
        """{"scale": 1, "shift": 0, "buffers": {"mean": 0, "variance": 1}}, each (n,); rows keep their shape."""
        n = features("batch_norm", in_shape)
        buffers = {"mean": np.zeros(n), "variance": np.ones(n)}
        return {**affine_init(n, self.scale, self.center), "buffers": buffers}, in_shape

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Cache]:
        """(y, (z, 1 / sqrt(var + eps), the batch's mean and variance, m, mask))."""
        xp = ops.namespace(x)
        if not context.training:
            running = params["buffers"]
            inverse = 1 / xp.sqrt(running["variance"] + self._eps)
            z = (x - running["mean"]) * inverse
            return affine(params, z), (z, inverse)
        rows = tuple(range(x.ndim - 1))
        mask = ops.mask_of(context, x)
        apart, middle = centred(x, rows, mask)
        z, inverse, variance = unit(apart, rows, self._eps, mask)
        statistics = (xp.reshape(a, x.shape[-1:]) for a in (middle, variance))
        return affine(params, z), (z, inverse, *statistics, numbers(x, rows, mask), mask)

    def backward(self, params: Params, cache: Cache, dy: Array, context: Context) -> tuple[Array | None, Params]:
        """(dx or None, {"scale", "shift"}); in training also through the batch's mean and variance."""
        z, inverse, *_ = cache
        dz, gradients = affine_backward(params, z, dy)
        if not context.need_dx:
            return None, gradients
        if not context.training:
            return dz * inverse, gradients
        rows = tuple(range(dy.ndim - 1))
        if (mask := cache[-1]) is not None:
            return _masked_backward(z, inverse, dz, mask), gradients
        dx = unit_backward(z, inverse, dz, rows)
        return dx - mean(dx, rows), gradients

    def refresh(self, params: Params, cache: Cache) -> Params:
        """The same parameters, with running statistics that a training batch has moved."""
        *_, middle, variance, m, mask = cache
        old, kept = params["buffers"], self._momentum
        new, least = 1 - kept, 0 if self.convention == "keras" else 1  # numbers that say nothing of the variance
        buffers = dict(old)
        if mask is not None:  # m is an array, whose value a compiled step does not know
            xp = ops.namespace(middle)
            mean, gathered = kept * old["mean"] + new * middle, new * m / xp.maximum(m - least, 1.0) * variance
            buffers["mean"] = xp.where(m > 0, mean, old["mean"])
            buffers["variance"] = xp.where(m > least, kept * old["variance"] + gathered, old["variance"])
            return {**params, "buffers": buffers}
        if m > 0:
            buffers["mean"] = kept * old["mean"] + new * middle
        if m > least:
            buffers["variance"] = kept * old["variance"] + (new * m / (m - least)) * variance
        return {**params, "buffers": buffers}

    def statistics(self, params: Params, cache: Cache) -> Params:
        """The same parameters, with the batch's own mean and variance, divided by m, as the running ones."""
        *_, middle, variance, m, mask = cache
        if mask is not None:
            xp, old = ops.namespace(middle), params["buffers"]
            new = {"mean": middle, "variance": variance}
            return {**params, "buffers": {name: xp.where(m > 0, new[name], old[name]) for name in new}}
        return {**params, "buffers": {"mean": middle, "variance": variance}} if m > 0 else params

    @property
    def _momentum(self) -> float:
        return cast(float, self.momentum)

    @property
    def _eps(self) -> float:
        return cast(float, self.eps)


def _masked_backward(z: Array, inverse: Array, dz: Array, mask: Array) -> Array:
    """dx where rows of the mask alone are in mean and variance, on which all rows depend."""
    xp, rows = ops.namespace(dz), tuple(range(dz.ndim - 1))
    m = xp.maximum(numbers(dz, rows, mask), 1.0)
    shared = (xp.sum(dz, axis=rows, keepdims=True) + z * xp.sum(dz * z, axis=rows, keepdims=True)) / m
    return (dz - xp.where(ops.along_rows(mask, dz), shared, 0.0)) * inverse
