"""The pass of one row: forward, back, and finite differences beside its gradients, all in float64.

Shapes: every array of a layer is flat, (n,) inputs, (m,) outputs; parameters and their gradients have their own shapes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, final

import numpy as np

from bpframe import tree
from bpframe.network.activation_spy import ActivationSpy, with_spies
from bpframe.network.backprop import CostLayer, Elementwise, Layers, evaluate
from bpframe.network.context import EVALUATION
from bpframe.types import HostArray, Params

STEP = 1e-5  # of a finite difference, times the size of the parameter where that is above 1
Parameters = Mapping[str, HostArray]  # of a layer, by name: "weight", "inner/weight"


@final
@dataclass(frozen=True)
class LayerPass:
    """One layer: x in, u, v out; dv = dLoss/dv handed back to it, slope phi', delta = dLoss/du, dx handed on.

    `jacobian` (m, m) is dv_j/du_i where there is no slope. None: the layer has none. `affine`: whether u = x w + b.
    """

    label: str
    x: HostArray
    v: HostArray
    dv: HostArray
    parameters: Parameters
    gradients: Parameters
    u: HostArray | None = None
    slope: HostArray | None = None
    delta: HostArray | None = None
    dx: HostArray | None = None
    jacobian: HostArray | None = None
    affine: bool = False


@final
@dataclass(frozen=True)
class RowPass:
    """The layers in order, the loss, the prediction p behind the link, and the target y.

    `apart`: whether an entry of p depends on one score alone.
    """

    layers: Sequence[LayerPass]
    loss: float
    prediction: HostArray
    target: HostArray
    apart: bool


class _Way(NamedTuple):
    """What went into a layer and came out, forward and back."""

    x: Any
    y: Any
    dy: Any
    dx: Any


@final
class RowLoss:
    """The loss of one row as a function of the parameters, in float64.  x (1, ...), target (1, M)."""

    def __init__(self, layers: Layers, cost: CostLayer, x: HostArray, target: HostArray) -> None:
        self.layers, self.cost = layers, cost
        self.x, self.target = x.astype(np.float64), target.astype(np.float64)

    @np.errstate(all="ignore")  # what is not finite is there to be seen
    def __call__(self, params: Params) -> float:
        """L."""
        return float(self.cost.mean_and_delta(evaluate(self.layers, params, self.x), self.target, 1.0)[0])

    @np.errstate(all="ignore")
    def difference(self, params: Params, path: tree.Path, index: tuple[int, ...]) -> float:
        """(L(w + h) - L(w - h)) / 2h in one entry of one parameter."""
        w = float(tree.at(params, path)[index])
        h = STEP * max(1.0, abs(w))
        up, down = (self._moved(params, path, index, w + change) for change in (h, -h))
        return (up - down) / (2 * h)

    def _moved(self, params: Params, path: tree.Path, index: tuple[int, ...], value: float) -> float:
        twin = tree.transform(params, lambda leaf: leaf)
        array = tree.at(params, path).copy()
        array[index] = value
        tree.assign(twin, path, array)
        return self(twin)

    @np.errstate(all="ignore")
    def run(self, params: Params) -> RowPass:
        """Forward and back, every array noted on its way."""
        layers, spies = with_spies(self.layers)
        v, ways = self.x, []
        for label, layer in layers:
            y, cache = layer.forward(params[label], v, EVALUATION)
            ways.append((v, y, cache))
            v = np.asarray(y)
        loss, dy = self.cost.mean_and_delta(v, self.target, 1.0)
        found: list[LayerPass] = []
        for (label, layer), spy, (x, y, cache) in reversed([*zip(layers, spies, ways, strict=True)]):
            dx, gradients = layer.backward(params[label], cache, dy, EVALUATION)
            found.append(_layer_pass(label, _Way(x, y, dy, dx), params[label], gradients, spy))
            dy = dx if dx is not None else np.zeros_like(np.asarray(x))
        apart = isinstance(self.cost.link, Elementwise)
        return RowPass(found[::-1], float(loss), _flat(self.cost.prediction(v)), _flat(self.target), apart)


def _layer_pass(label: str, way: _Way, params: Params, gradients: Params, spy: ActivationSpy | None) -> LayerPass:
    x, v, dv = _flat(way.x), _flat(way.y), _flat(way.dy)
    own, slopes, dx = _trained(params), _trained(gradients), None if way.dx is None else _flat(way.dx)
    seen = {} if spy is None else {name: _flat(a) for name, a in spy.seen.items() if a is not None}
    if spy is None or "delta" not in seen or seen["u"].size != v.size:  # units that share sums, as maxout's do
        return LayerPass(label, x, v, dv, own, slopes, dx=dx)
    u, slope = seen["u"], spy.slope()
    jacobian = spy.jacobian() if slope is None else None
    noted = (u, None if slope is None else _flat(slope), seen["delta"], dx, jacobian)
    return LayerPass(label, x, v, dv, own, slopes, *noted, affine=_is_affine(x, u, own))


def _is_affine(x: HostArray, u: HostArray, own: Parameters) -> bool:
    """Whether u is x w + b, by its numbers."""
    weight, bias = own.get("weight"), own.get("bias")
    if weight is None or weight.shape != (x.size, u.size):
        return False
    return bool(np.allclose(x @ weight + (0.0 if bias is None else bias), u, rtol=1e-9, atol=1e-9, equal_nan=True))


def _trained(params: Params) -> dict[str, HostArray]:
    """The parameters of a layer that are trained, by name."""
    return {"/".join(path): np.asarray(leaf) for path, leaf in tree.leaves(params) if "buffers" not in path}


def _flat(array: Any) -> HostArray:
    return np.asarray(array, dtype=np.float64).reshape(-1)
