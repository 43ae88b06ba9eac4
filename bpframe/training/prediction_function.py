"""The prediction function of a model: pure, on arrays of any namespace, with its parameters as a tree.

Shapes: x (B, ...) rows, predictions (B, C).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from bpframe import ops
from bpframe.data import input_offset, target_scale
from bpframe.data.task import Task
from bpframe.network.backprop import evaluate
from bpframe.network.network import LabelledLayers
from bpframe.types import Array, Arrays, Params


@final
@dataclass(frozen=True, eq=False)  # hashed by itself, as jax.jit asks
class PredictionFunction:
    """f(parameters, x): what `Trainer.predict` gives, in the namespace and the dtype of x.

    It keeps nothing and looks at no value: jax.jit, jax.grad and jax.vmap take it, and array-api-strict.
    """

    layers: LabelledLayers
    task: Task

    def __call__(self, parameters: Params, x: Arrays) -> Array:
        """Predictions (B, ..., C) of rows x (B, ...), which are numbers already: in the order of the fit's columns.

        Several inputs by name as a mapping, or side by side (B, n) in their order.
        """
        rows = self._side_by_side(x) if isinstance(x, Mapping) else x
        scores = evaluate(self.layers, parameters, self._without_offset(rows))
        return _own_units(self.task, self.task.cost.prediction(scores))

    def _side_by_side(self, x: Mapping[str, Array]) -> Array:
        """Inputs by name as one array (B, n)."""
        parts = [x[name] for name, _ in self.task.several or ()]
        xp = ops.namespace(parts[0])
        joined: Array = xp.concat([xp.reshape(part, (part.shape[0], -1)) for part in parts], axis=1)
        return joined

    def _without_offset(self, x: Array) -> Array:
        """Rows less the offset that the first fit learned, where it learned one."""
        offset: Mapping[str, Any] | None = self.task.learned.get(input_offset.KEY)
        if not offset:
            return x
        row = np.zeros(self.task.shape or ())
        row.reshape(-1)[offset["places"]] = offset["values"]
        return x - _constant(row.tolist(), x)


def _own_units(task: Task, values: Array) -> Array:
    """Predictions in the units of y, as `Task.own_units` makes them, in the dtype that they have."""
    if not task.standardize:
        return values
    if heads := task.heads:
        parts: list[Any] = [_own_units(head.task, values[..., head.scores]) for head in heads]
        joined: Array = ops.namespace(values).concat(parts, axis=1)
        return joined
    scale = task.learned.get(target_scale.KEY)
    if scale is None:
        return values
    return values * _constant(scale["deviation"], values) + _constant(scale["mean"], values)


def _constant(numbers: list[Any], like: Array) -> Array:
    return ops.namespace(like).asarray(numbers, dtype=like.dtype, **ops.placement(like))
