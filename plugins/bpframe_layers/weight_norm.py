"""Weight normalization of another layer.

Shapes: the layer's weight w (..., m), direction v as w, magnitude g (m,), one for each output.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np

from bpframe.plugin import Array, Cache, Context, HostArray, Layer, Params, Shape, ops
from bpframe_layers.weight_wrapper import WEIGHT, as_matrix, init_weighted, take_traits


@final
@dataclass(frozen=True)
class WeightNorm:
    """w = g v / ||v||, y = layer(x) with this weight; ||v|| of each output, over all other axes.

    dg = dw . v / ||v||, dv = g / ||v|| (dw - dg v / ||v||). Length and direction learn apart; w starts as the layer
    has it. An output whose v is 0 has w = 0. The other parameters are the layer's, under their own names. Penalties and
    decay act on weights, and none of direction and magnitude is one.
    Source: Salimans and Kingma (2016), Weight normalization, arXiv:1602.07868, equations 2 and 3; without its start
    from data.
    """

    layer: Layer

    def __post_init__(self) -> None:
        take_traits(self, self.layer)
        if getattr(self.layer, "start", None) is not None:
            object.__setattr__(self, "start", self._start)

    @classmethod
    def example_configs(cls) -> list[dict[str, Any]]:
        """Of a dense layer, with and without a bias."""
        dense = {"name": "dense", "units": 4}
        return [{"layer": {**dense, "activation": "tanh"}}, {"layer": {**dense, "bias": False}}]

    def init(self, rng: np.random.Generator, in_shape: Shape) -> tuple[Params, Shape]:
        """{"direction": the layer's weight, "magnitude": its norms} and the layer's others; rows as the layer gives."""
        others, weight, shape = init_weighted("weight_norm", self.layer, rng, in_shape)
        return {"direction": weight, "magnitude": _norms(np.asarray(weight)), **others}, shape

    def _start(self, params: Params, x: HostArray) -> Params:
        """The parameters that stand for those with which the layer starts from the training inputs."""
        started = dict(self.layer.start(self._inner(params), x))  # type: ignore[attr-defined]  # __post_init__ asks
        weight = started.pop(WEIGHT)
        return {"direction": weight, "magnitude": _norms(weight), **started}

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Cache]:
        """(y, what the layer keeps)."""
        return self.layer.forward(self._inner(params), x, context)

    def backward(self, params: Params, cache: Cache, dy: Array, context: Context) -> tuple[Array | None, Params]:
        """(dx or None, {"direction", "magnitude"} and the layer's others)."""
        dx, gradients = self.layer.backward(self._inner(params), cache, dy, context)
        others = dict(gradients)
        dw: Any = others.pop(WEIGHT)
        v, norms = params["direction"], _positive(_norms(params["direction"]))
        unit = v / norms
        dg = ops.sum_rows(as_matrix(dw * unit))
        return dx, {"direction": params["magnitude"] / norms * (dw - dg * unit), "magnitude": dg, **others}

    def _inner(self, params: Params) -> Params:
        """The layer's own parameters."""
        v, g = params["direction"], params["magnitude"]
        others = {name: value for name, value in params.items() if name not in ("direction", "magnitude")}
        return {WEIGHT: g / _positive(_norms(v)) * v, **others}


def _norms(v: Array) -> Any:
    """||v|| of each output (m,), whatever the size of its numbers."""
    xp, rows = ops.namespace(v), as_matrix(v)
    peak = _positive(xp.max(xp.abs(rows), axis=0))
    return peak * xp.sqrt(ops.sum_rows((rows / peak) ** 2))


def _positive(norms: Array) -> Any:
    """1 in the place of 0."""
    xp = ops.namespace(norms)
    return xp.where(norms > 0, norms, xp.ones_like(norms))
