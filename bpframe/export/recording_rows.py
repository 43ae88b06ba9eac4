"""Recording rows: numbers of the shape and the range of a trainer's rows, by which forms are recorded and proved.

Shapes: one input x (B, ...), or several by name, which stand side by side in one array where the network reads them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from bpframe import tree
from bpframe.data import input_offset
from bpframe.data.task import Task
from bpframe.export.array_namespace import NAMESPACE
from bpframe.protocols import CheckInputs
from bpframe.protocols.implements import implements
from bpframe.training.open_session import network_of
from bpframe.training.trainer import Trainer
from bpframe.types import HostArray

xp: Any = NAMESPACE
Recorded = Any  # an array of that namespace
X = "x"  # the name of the input where there is one


def recording_rows(trainer: Trainer, rows: int) -> HostArray:
    """Rows that the network may be given: whole numbers from 0 to 1 where ids are asked for, else near its data."""
    task, rng = trainer.task, np.random.default_rng(rows)
    shape = (rows, *(task.shape or ()))
    layer, own = network_of(trainer.network, trainer.task).layers[0][1], tree.nest(trainer.session.parameters)
    if implements(layer, CheckInputs):
        return rng.integers(0, 2, shape).astype(task.dtype)
    x, buffers = rng.normal(size=shape), own.get(trainer.network.labels[0], {}).get("buffers", {})
    if buffers.keys() >= {"mean", "scale"} and np.shape(buffers["mean"]) == shape[1:]:
        x = x / np.where(buffers["scale"] == 0, 1, buffers["scale"]) + buffers["mean"]
    if offset := task.learned.get(input_offset.KEY):
        x.reshape(rows, -1)[:, offset["places"]] += np.array(offset["values"])
        return x
    return x.astype(task.dtype)


def inputs_by_name(task: Task, rows: HostArray) -> dict[str, HostArray]:
    """Rows (B, n) as the inputs that a model has by name, each in its own shape; {"x": rows} where it has one."""
    if task.several is None:
        return {X: rows}
    parts, start = {}, 0
    for name, shape in task.several:
        size = math.prod(shape)
        parts[name] = rows[:, start : start + size].reshape(len(rows), *shape)
        start += size
    return parts


def joined_inputs(task: Task, inputs: Mapping[str, Recorded]) -> Recorded:
    """What the network reads: recorded inputs side by side, less an offset that was learned, in the run's dtype."""
    if task.several is not None:
        x = xp.concat([xp.reshape(inputs[name], (-1, math.prod(shape))) for name, shape in task.several], axis=1)
    else:
        x = inputs[X]
    if offset := task.learned.get(input_offset.KEY):
        row = np.zeros(task.shape or ())
        row.reshape(-1)[offset["places"]] = offset["values"]
        x = x - row
    return xp.astype(x, task.dtype)
