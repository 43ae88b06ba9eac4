"""Layer fit: what layers learn from data, from blocks of rows that need not be in memory together.

Shapes: a block is x (N, ...), or (x, sample_weight (N,)).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, final

import numpy as np

from bpframe import tree
from bpframe.data import arrays
from bpframe.data.task import Task
from bpframe.errors import ConfigError, DataError
from bpframe.network.block_fit import Block, Blocks, fit_by_blocks
from bpframe.network.network import Network
from bpframe.types import HostArray, Params

RowBlocks = Iterable[Any] | Callable[[], Iterable[Any]]


@final
class BlockReader:
    """Blocks of rows as the layers of a network get them; each reading goes through all of them anew."""

    def __init__(self, blocks: RowBlocks) -> None:
        """`blocks`: an iterable that can be gone through again, or a function that gives iterators."""
        if isinstance(blocks, Iterator):
            raise ConfigError("fit_layers needs blocks that it can go through again: a list, or a function that reads.")
        self._blocks = blocks

    def first(self) -> Any:
        """The rows of the first block, which tell names of columns, the shape of a row, and a large offset."""
        for x, _ in self._read():
            return x
        raise DataError("fit_layers needs at least one block of rows, got none.")

    def of(self, task: Task) -> Blocks:
        """The blocks as numbers of a task, without rows of weight 0; DataError where no row is left."""

        def rows() -> Iterator[Block]:
            found = False
            for x, weight in self._read():
                block = _counted(task.inputs(x), weight)
                if len(block[0]):
                    found = True
                    yield block
            if not found:
                raise DataError("fit_layers needs at least one row whose weight is above 0, got none.")

        return rows

    def _read(self) -> Iterator[tuple[Any, Any]]:
        for block in self._blocks() if callable(self._blocks) else self._blocks:
            if isinstance(block, tuple):
                if len(block) != 2:
                    raise DataError(f"fit_layers needs blocks x or (x, sample_weight), got a tuple of {len(block)}.")
                yield block
            else:
                yield block, None


def buffers_of_blocks(network: Network, params: Params, blocks: Blocks) -> dict[str, HostArray]:
    """Every buffer of the network by "layer/name", those that layers learn learned from the blocks."""
    fitted = fit_by_blocks(network.layers, params, blocks)
    return {"/".join(path): leaf for path, leaf in tree.leaves(fitted) if "buffers" in path}


def _counted(x: HostArray, sample_weight: Any) -> Block:
    """The rows of a block that count, with their weights."""
    if sample_weight is not None and not np.any(sample_weight):
        return x[:0], None
    weight = arrays.weights(sample_weight, len(x), "float64", ())
    if weight is None:
        return x, None
    return (x, weight) if (weight > 0).all() else (x[weight > 0], weight[weight > 0])
