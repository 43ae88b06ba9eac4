"""The maps of a network over the plane of two inputs: what each unit gives there, what weighs between, and delta.

Shapes: G points of the grid along a side, N rows, k units shown of a layer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import final

from bpframe.types import HostArray


@final
@dataclass(frozen=True)
class UnitMaps:
    """Some units of one layer: `values` (k, G, G), its first axis of points upwards; `delta` (k, N), None for none.

    `label` is the layer's, `units` the numbers of those shown, from 0, of `width`. `weight` (units shown below, k)
    leads to them from the layer below; None where no single weight does.
    """

    label: str
    units: Sequence[int]
    width: int
    values: HostArray
    delta: HostArray | None = None
    weight: HostArray | None = None


@final
@dataclass(frozen=True)
class NetworkMaps:
    """The inputs and every layer, what the network predicts over the plane, and the rows that delta is of.

    `layers`: the two inputs first. `box`: least and greatest of the first input, of the second. `inputs`: their names.
    `prediction` (G, G, C): probabilities where `probable`, else numbers. `rows` (N, 2) of the two inputs, `truth` (N,)
    class numbers or quantities, None for none; `classes`: their names. `others`: how many further inputs stay at their
    medians. `title`: what stands above.
    """

    layers: Sequence[UnitMaps]
    box: tuple[float, float, float, float]
    inputs: tuple[str, str]
    prediction: HostArray
    probable: bool
    rows: HostArray | None = None
    truth: HostArray | None = None
    classes: Sequence[str] = ()
    others: int = 0
    title: str = ""

    def with_rows(self, rows: HostArray, truth: HostArray | None) -> NetworkMaps:
        """The same with these rows (N, 2) and their truth (N,)."""
        return replace(self, rows=rows, truth=truth)
