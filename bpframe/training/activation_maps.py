"""Activation maps of a trainer: every unit over the plane of two inputs, and delta of the rows that are given.

Shapes: x (N, n) rows, G points of the grid along a side.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from bpframe import checks
from bpframe.data.task import Task
from bpframe.errors import ConfigError, ShapeError
from bpframe.network.backprop import forward
from bpframe.network.context import EVALUATION
from bpframe.network.network import Network
from bpframe.network.trace import LayerTrace, trace
from bpframe.plot.network_maps import NetworkMaps, UnitMaps
from bpframe.protocols import Data
from bpframe.types import HostArray, Params

MARGIN = 0.08  # of the range of the rows, around them
MOST_ROWS = 150  # whose delta is shown


class UnitColumn(NamedTuple):
    """A layer as a column of units: values (G G, m), delta (N, m), and the weight (m below, m) that leads to it."""

    label: str
    values: HostArray
    delta: HostArray | None = None
    weight: HostArray | None = None


class Plane(NamedTuple):
    """The plane of two inputs, by their numbers, as rows (G G, n), between the least and greatest of each."""

    rows: HostArray
    box: tuple[float, float, float, float]
    at: tuple[int, int]


@np.errstate(all="ignore")  # what is not finite is there to be seen
def activation_maps(
    network: Network,
    params: Params,
    task: Task,
    x: Any,
    y: Any = None,
    *,
    inputs: Sequence[int | str] = (0, 1),
    units: int = 8,
    resolution: int = 40,
    title: str = "",
) -> NetworkMaps:
    """What each unit gives over the plane of two inputs around rows x, with all others at their medians.

    With y also delta = dL/du of every unit, for each of at most 150 rows as if it was alone. Of a layer with more than
    `units` units every so manieth is shown. `inputs`: two columns, by number or name.
    """
    checks.whole("activation maps", 1, units=units)
    checks.whole("activation maps", 2, resolution=resolution)
    rows = task.inputs(x)
    if rows.ndim != 2:
        raise ShapeError(f"Activation maps need rows of numbers (N, n), got {rows.shape}.")
    names = task.columns or tuple(f"input {i}" for i in range(rows.shape[1]))
    plane = _plane(rows, _numbers(names, inputs), resolution)
    some = None if y is None else task.encoded(rows, y)[0].take(np.array(_spread(len(rows), MOST_ROWS)))
    columns, scores = _columns(network, params, task, plane, some)
    samples = [_spread(column.values.shape[1], units) for column in columns]
    maps = [_maps(*each, resolution) for each in zip(columns, samples, [[], *samples[:-1]], strict=True)]
    found = NetworkMaps(
        maps,
        plane.box,
        (names[plane.at[0]], names[plane.at[1]]),
        task.prediction(scores).reshape(resolution, resolution, -1),
        task.loss.link in ("softmax", "sigmoid"),
        classes=tuple(map(str, task.learned.get("classes", ()))),
        others=len(names) - 2,
        title=title,
    )
    return found if some is None else found.with_rows(some.x[:, plane.at], _truth(task, some.target))


def _numbers(names: Sequence[str], inputs: Sequence[int | str]) -> tuple[int, int]:
    """The numbers of two different columns; ConfigError for others."""
    found = [names.index(one) if one in names else one for one in inputs]
    whole = [
        one for one in found if isinstance(one, int) and not isinstance(one, bool) and -len(names) <= one < len(names)
    ]
    if len(whole) != 2 or len(found) != 2 or whole[0] % len(names) == whole[1] % len(names):
        raise ConfigError(f"Activation maps need two different inputs of {', '.join(names)}, got {tuple(inputs)!r}.")
    return whole[0] % len(names), whole[1] % len(names)


def _plane(rows: HostArray, at: tuple[int, int], resolution: int) -> Plane:
    limits: list[float] = []
    for i in at:
        low, high = float(np.nanmin(rows[:, i])), float(np.nanmax(rows[:, i]))
        beyond = MARGIN * (high - low) or 0.5
        limits += [low - beyond, high + beyond]
    across, up = (np.linspace(limits[k], limits[k + 1], resolution) for k in (0, 2))
    points = np.tile(np.nanmedian(rows, axis=0).astype(rows.dtype), (resolution * resolution, 1))
    points[:, at[0]], points[:, at[1]] = (part.reshape(-1) for part in np.meshgrid(across, up))
    return Plane(points, (limits[0], limits[1], limits[2], limits[3]), at)


def _columns(
    network: Network, params: Params, task: Task, plane: Plane, some: Data | None
) -> tuple[list[UnitColumn], HostArray]:
    """(the two inputs and each layer that makes units of its own, the scores)."""
    layers, records = network.layers, list[LayerTrace | None]([None] * len(network.layers))
    outputs, _ = forward(layers, params, plane.rows, [EVALUATION] * len(layers))
    if some is not None:
        records[:] = trace(network, task.cost, params, some.x, some.target, 1.0).layers
    columns = [UnitColumn("", plane.rows[:, plane.at])]
    below = plane.rows.shape[1]
    for (label, _), v, record in zip(layers, outputs, records, strict=True):
        values = np.asarray(v).reshape(len(plane.rows), -1)
        weight = _weight(params[label], below, values.shape[1])
        if weight is None and values.shape[1] == below and not _has_matrices(params[label]):
            if len(columns) > 1:  # an activation, say: what the units give in the end
                columns[-1] = columns[-1]._replace(values=values)
        else:
            entering = weight if weight is None or len(columns) > 1 else weight[list(plane.at)]
            columns.append(UnitColumn(label, values, _delta(record), entering))
        below = values.shape[1]
    return columns, np.asarray(outputs[-1])


def _weight(params: Params, below: int, width: int) -> HostArray | None:
    weight = params.get("weight")
    return weight if isinstance(weight, np.ndarray) and weight.shape == (below, width) else None


def _has_matrices(params: Params) -> bool:
    """Whether a layer mixes units: whether a parameter, its own or one inside it, has two axes."""
    parts = [part for name, part in params.items() if name != "buffers"]
    return any(_has_matrices(part) if isinstance(part, dict) else np.ndim(part) > 1 for part in parts)


def _delta(record: LayerTrace | None) -> HostArray | None:
    if record is None or record.delta is None or record.delta.shape != record.v.shape:
        return None
    return record.delta.reshape(len(record.delta), -1)


def _maps(column: UnitColumn, units: list[int], below: list[int], resolution: int) -> UnitMaps:
    values = column.values[:, units].T.reshape(-1, resolution, resolution)
    delta = None if column.delta is None else column.delta[:, units].T
    weight = None if column.weight is None else column.weight[np.ix_(below, units)]
    return UnitMaps(column.label, units, column.values.shape[1], values, delta, weight)


def _truth(task: Task, target: HostArray) -> HostArray:
    """(N,) class numbers, or the first quantity."""
    if task.classes:
        return task.target_numbers(target).reshape(len(target), -1)[:, 0]
    return task.own_units(task.compared(target), "target").reshape(len(target), -1)[:, 0]


def _spread(count: int, most: int) -> list[int]:
    """At most so many of 0 .. count - 1, at even distances, the first and the last among them."""
    return list(map(int, np.unique(np.linspace(0, count - 1, min(count, most)).round())))
