"""Norms of gradients, updates and parameters.  p any parameter, g its gradient."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, final

import numpy as np

from bpframe.plugin import Array, HostArray, Hyper, Param, checks, ops

MEASURED = ("gradient_norm", "update_norm", "parameter_norm")


@final
@dataclass(frozen=True)
class Norms:
    """norm = sqrt(sum x^2), of gradients, of updates p_after - p_before, and of parameters p_before, as curves.

    "train.gradient_norm" is that of the whole model, "train.gradient_norm/dense_1" that of a layer, or, with `by`
    "parameter", of each parameter by its name; alike `update_norm` and `parameter_norm`. Gradients are those of the
    mean loss, before penalties and clipping. The curves of the history are means over an epoch's measured steps, the
    first of the run and every `every`-th from there on; hooks find each step's in `state.measures`. Beside `monitor`,
    which has those of layers too, there is one curve of each.
    Source: Glorot and Bengio (2010), Understanding the difficulty of training deep feedforward neural networks.
    """

    every: int = 10
    by: Literal["layer", "parameter", "model"] = "layer"
    shared_curves: ClassVar[Sequence[str]] = MEASURED

    def __post_init__(self) -> None:
        checks.whole("norms", 1, every=self.every)
        checks.one_of("norms", ("layer", "parameter", "model"), by=self.by)

    @property
    def measure_period(self) -> int:
        """At how many steps one is measured."""
        return self.every

    def measure(self, before: Array, after: Array, g: Array, h: Hyper) -> dict[str, Array]:
        """Squares of the norms, which add up."""
        length = ops.inner(before, before)  # read for the last time before the difference, which may take its place
        change = after - before
        squares = ops.inner(g, g), ops.inner(change, change), length
        return dict(zip(self._names(h.param), squares, strict=True))

    def curves(self, sums: Mapping[str, HostArray]) -> Mapping[str, HostArray]:
        """The norms of the model and of its parts."""
        whole = {name: sum(square for part, square in sums.items() if _of(part) == name) for name in MEASURED}
        return {name: np.sqrt(square) for name, square in {**whole, **sums}.items()}

    def _names(self, param: Param) -> list[str]:
        part = {"layer": f"/{param.layer}", "parameter": f"/{param.name}", "model": ""}[self.by]
        return [f"{name}{part}" for name in MEASURED]


def _of(name: str) -> str:
    return name.partition("/")[0]
