"""Multiplications that a layer takes for a row, counted while it computes one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, final

import numpy as np

from bpframe import tree
from bpframe.network.context import EVALUATION
from bpframe.protocols import Layer
from bpframe.types import Params, Shape


@final
class CountingArray(np.ndarray[Any, Any]):
    """An array of NumPy that counts the multiplications it takes part in, in a list that results share."""

    counts: list[int]

    def __array_finalize__(self, source: Any) -> None:
        self.counts = getattr(source, "counts", [])

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **settings: Any) -> Any:
        """The result of NumPy's own function, counted where it is a product."""
        if "out" in settings:
            settings["out"] = tuple(map(_plain, settings["out"]))
        plain = [_plain(each) for each in inputs]
        result = getattr(ufunc, method)(*plain, **settings)
        if ufunc is np.matmul:
            self.counts.append(np.size(result) * plain[0].shape[-1])
        elif ufunc is np.multiply and method == "__call__":
            self.counts.append(np.size(result))
        return tuple(map(self._shared, result)) if isinstance(result, tuple) else self._shared(result)

    def _shared(self, result: Any) -> Any:
        if not isinstance(result, np.ndarray):
            return result
        made = result.view(CountingArray)
        made.counts = self.counts
        return made


def layer_multiplications(layers: Iterable[Layer], in_shape: Shape) -> list[int | None]:
    """Those of each of several layers in a row."""
    counts: list[int | None] = []
    shape = in_shape
    for layer in layers:
        params, after = layer.init(np.random.default_rng(0), shape)
        counts.append(multiplications(layer, params, shape))
        shape = after
    return counts


def multiplications(layer: Layer, params: Params, in_shape: Shape) -> int | None:
    """How many multiplications the layer's forward pass makes for a row, in evaluation; None where that fails.

    Those of products and elementwise ones, as the layer writes them in the standard's vocabulary; what it computes in
    other libraries is not seen.
    """
    counts: list[int] = []

    def counting(values: Any) -> Any:
        array = np.array(values, dtype=np.float64).view(CountingArray)
        array.counts = counts
        return array

    leaves = {"/".join(path): counting(leaf) for path, leaf in tree.leaves(params)}
    try:
        with np.errstate(all="ignore"):
            layer.forward(tree.nest(leaves), counting(np.zeros((1, *in_shape))), EVALUATION)
    except Exception:  # a layer that takes no such arrays is one whose count is unknown
        return None
    return sum(counts)


def _plain(value: Any) -> Any:
    return value.view(np.ndarray) if isinstance(value, CountingArray) else value
