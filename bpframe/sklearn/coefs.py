"""Parameters as scikit-learn shows them, `coefs_` and `intercepts_`, and as bpframe names them.

`coefs_` are the parameters called weight, `intercepts_` those called bias, in the order of the network; whatever else
there is (scales, running statistics) stands in `rest`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from bpframe import tree
from bpframe.network.backprop import evaluate
from bpframe.network.chunks import chunk_rows, in_chunks
from bpframe.network.network import Network
from bpframe.types import HostArray

Named = dict[str, HostArray]  # by "layer/name"


def split(values: Mapping[str, HostArray]) -> tuple[list[HostArray], list[HostArray], Named]:
    """(coefs, intercepts, rest)."""
    weights, biases = ([values[name] for name in names(values, role)] for role in ("weight", "bias"))
    return weights, biases, {name: value for name, value in values.items() if _role(name) not in ("weight", "bias")}


def joined(
    known: Iterable[str], coefs: Sequence[Any], intercepts: Sequence[Any], rest: Named, dtype: Any = None
) -> Named:
    """The inverse of `split`, for parameters of these names in their order."""
    waiting = {"weight": iter(coefs), "bias": iter(intercepts)}
    return {name: rest[name] if name in rest else np.asarray(next(waiting[_role(name)]), dtype=dtype) for name in known}


def names(known: Mapping[str, Any], role: str) -> list[str]:
    """The names of one role in order."""
    return [name for name in known if _role(name) == role]


def differing(values: Named, others: Named) -> Named:
    """Those of `values` that are not equal to the others."""
    return {name: value for name, value in values.items() if not np.array_equal(value, others[name])}


def scores(network: Network, values: Named, x: Any, dtype: Any) -> HostArray:
    """Scores (N, C) of rows x (N, n), which may be sparse, in evaluation mode and a bounded number at a time."""
    params = {**{label: {} for label in network.labels}, **tree.nest(values)}
    with np.errstate(all="ignore"):
        return in_chunks(
            lambda rows: evaluate(network.layers, params, dense(rows, dtype)), x, chunk_rows(x.shape[1:], params)
        )


def dense(x: Any, dtype: Any) -> HostArray:
    """Rows as a dense array of `dtype`."""
    array = x.toarray() if hasattr(x, "toarray") else x
    return np.ascontiguousarray(array, dtype=dtype)


def _role(name: str) -> str:
    return name.rpartition("/")[2]
