"""Conversion between scikit-learn's `coefs_` and `intercepts_` and bpframe's named parameters.

`coefs_` are the parameters called weight, `intercepts_` those called bias, in the order of the network; all others
(scales, running statistics) are in `rest`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from bpframe import tree
from bpframe.data import input_offset
from bpframe.data.task import Task
from bpframe.engine.numpy.product_threads import ProductThreads
from bpframe.network.backprop import evaluate
from bpframe.network.chunks import chunk_rows, in_chunks
from bpframe.network.input_checks import check_inputs
from bpframe.network.network import Network
from bpframe.protocols import CheckInputs
from bpframe.types import HostArray

ArraysByName = dict[str, HostArray]  # by "layer/name"


def split_parameters(values: Mapping[str, HostArray]) -> tuple[list[HostArray], list[HostArray], ArraysByName]:
    """(coefs, intercepts, rest)."""
    weights, biases = ([values[name] for name in parameter_names(values, role)] for role in ("weight", "bias"))
    return weights, biases, {name: value for name, value in values.items() if _role(name) not in ("weight", "bias")}


def join_parameters(
    names: Iterable[str], coefs: Sequence[Any], intercepts: Sequence[Any], rest: ArraysByName, dtype: Any = None
) -> ArraysByName:
    """The inverse of `split_parameters`; `names` are all parameters in the order of the network."""
    by_role = {"weight": iter(coefs), "bias": iter(intercepts)}
    return {name: rest[name] if name in rest else np.asarray(next(by_role[_role(name)]), dtype=dtype) for name in names}


def parameter_names(names: Iterable[str], role: str) -> list[str]:
    """The names of one role ("weight" or "bias"), in order."""
    return [name for name in names if _role(name) == role]


def changed_parameters(values: ArraysByName, others: ArraysByName) -> ArraysByName:
    """The entries of `values` that differ from `others`."""
    return {name: value for name, value in values.items() if not np.array_equal(value, others[name])}


def scores(network: Network, values: ArraysByName, x: Any, task: Task, threads: int | None) -> HostArray:
    """Scores (N, C) of rows x (N, n), which may be sparse, in evaluation mode and a bounded number at a time.

    On at most so many threads; None: as the engine chooses.
    """

    def dense(rows: Any) -> HostArray:
        own, offset = dense_rows(rows, task.dtype), task.learned.get(input_offset.KEY)
        return input_offset.without_offset(dense_rows(rows, rows.dtype), own, offset) if offset else own

    layers = task.layers
    params = {**{label: {} for label, _ in layers}, **tree.nest(values)}
    if isinstance(layers[0][1], CheckInputs):
        check_inputs(layers, dense(x))
    size, products = chunk_rows(x.shape[1:], params), ProductThreads.of(network, params, threads)
    with np.errstate(all="ignore"), products.block(min(size, x.shape[0])):
        return in_chunks(lambda rows: evaluate(layers, params, dense(rows)), x, size)


def dense_rows(x: Any, dtype: Any) -> HostArray:
    """Rows, which may be sparse, as a dense array of `dtype` in C order."""
    array = x.toarray() if hasattr(x, "toarray") else x
    return np.ascontiguousarray(array, dtype=dtype)


def _role(name: str) -> str:
    return name.rpartition("/")[2]
