"""Input scaling learned from the training rows.  Shapes: x and y (B, ...), alike, mean and scale like a row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np

from bpframe.plugin import Array, Cache, Context, HostArray, Params, Shape, State


@final
@dataclass(frozen=True)
class Standardize:
    """y = (x - mean) scale, scale = 1 / standard deviation, both of the training rows; dx = dy scale.

    Each place of a row has its own. Rows count by their sample weights, as in scikit-learn's StandardScaler, not by
    class weights. Behind a `batch_norm` the rows are those that it gives by statistics of all rows, behind a layer that
    draws those without draws. Saved with the model as buffers, not trained. A constant column becomes 0.
    As the first layer it gets columns whose offset is large for the run's dtype (Unix seconds over a minute, in
    float32) without it: the offset, in float64, is saved with the model, mean is that of what is left.
    """

    range: ClassVar[str] = "(-inf, inf)"
    removes_offset: ClassVar[bool] = True

    def init(self, rng: np.random.Generator, in_shape: Shape) -> tuple[Params, Shape]:
        """Buffers mean 0 and scale 1, until `fit`."""
        return {"buffers": {"mean": np.zeros(in_shape), "scale": np.ones(in_shape)}}, in_shape

    def fit(self, params: Params, x: HostArray) -> Params:
        """Mean and 1 / standard deviation (divided by N) of each place of the rows x (N, ...), in float64."""
        peak = np.maximum(x.max(axis=0), -x.min(axis=0)).astype(np.float64)
        unit = np.where(peak > 1e150, peak, 1.0)  # whose squares would not fit
        rows = x if (unit == 1.0).all() else x / unit
        mean = unit * rows.mean(axis=0, dtype=np.float64)
        deviation = unit * rows.std(axis=0, dtype=np.float64)
        return self._buffers(mean, deviation, x.dtype)

    def weighted_fit(self, params: Params, x: HostArray, weight: HostArray) -> Params:
        """The same with weights (N,): sum w x / sum w, and the square root of sum w (x - mean)^2 / sum w."""
        peak = np.maximum(x.max(axis=0), -x.min(axis=0)).astype(np.float64)
        unit = np.where(peak > 1e150, peak, 1.0)  # whose squares would not fit
        rows, w = x / unit, weight.astype(np.float64)
        mean = np.average(rows, axis=0, weights=w)
        deviation = np.sqrt(np.average((rows - mean) ** 2, axis=0, weights=w))
        return self._buffers(unit * mean, unit * deviation, x.dtype)

    def fit_block(self, params: Params, x: HostArray, weight: HostArray | None) -> State:
        """{"count": sum of weights (), of each place "mean" and "square", sum w (x - mean)^2, in a "unit"}.

        And "dtype", a number of that of x.
        """
        w = np.ones(len(x)) if weight is None else weight.astype(np.float64)
        peak = np.maximum(x.max(axis=0), -x.min(axis=0)).astype(np.float64)
        unit = np.where(peak > 1e150, peak, 1.0)
        rows = x / unit
        mean = np.average(rows, axis=0, weights=w)
        square = np.tensordot(w, (rows - mean) ** 2, axes=1)
        return {"count": w.sum(), "mean": mean, "square": square, "unit": unit, "dtype": np.zeros((), x.dtype)}

    def merge(self, a: State, b: State) -> State:
        """Both together: Chan, Golub and LeVeque (1983), Algorithms for computing the sample variance, equation 2.1."""
        unit = np.maximum(a["unit"], b["unit"])
        (n, mean, square), (m, other, more) = (_in_unit(known, unit) for known in (a, b))
        gap, share = other - mean, m / (n + m)
        square = square + more + gap * gap * n * share
        return {**a, "count": n + m, "mean": mean + gap * share, "square": square, "unit": unit}

    def fit_merged(self, params: Params, known: State) -> Params:
        """What `weighted_fit` gives for these rows, to some 1e-12 of the largest value, however they are cut."""
        unit = known["unit"]
        deviation = np.sqrt(known["square"] / known["count"])
        return self._buffers(unit * known["mean"], unit * deviation, known["dtype"].dtype)

    def _buffers(self, mean: HostArray, deviation: HostArray, dtype: np.dtype[Any]) -> Params:
        varies = deviation > 1e-12 * np.abs(mean)  # one value only: what is left is the rounding of the mean
        scale = np.divide(1.0, deviation, out=np.zeros_like(mean), where=varies)
        return {"buffers": {"mean": mean, "scale": np.minimum(scale, np.finfo(dtype).max)}}

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Cache]:
        """((x - mean) scale, nothing)."""
        buffers = params["buffers"]
        return (x - buffers["mean"]) * buffers["scale"], None

    def backward(self, params: Params, cache: Cache, dy: Array, context: Context) -> tuple[Array | None, Params]:
        """dy scale."""
        return (dy * params["buffers"]["scale"] if context.need_dx else None), {}

    def golden(self) -> list[tuple[Any, ...]]:
        """By hand: a column of mean 3 and deviation 2, and one of a single value."""
        return [({}, [[[1.0, 7.0], [5.0, 7.0]]], [[3.0, 7.0], [6.0, 9.0]], [[0.0, 0.0], [1.5, 0.0]])]


def _in_unit(known: State, unit: HostArray) -> tuple[Any, Any, Any]:
    """(count, mean, square) in another unit."""
    factor = known["unit"] / unit
    return known["count"], factor * known["mean"], factor * factor * known["square"]
