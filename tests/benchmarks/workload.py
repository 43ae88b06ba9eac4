"""What every library trains, and how long a step of it takes.

Sizes: `sizes` are the widths of a network from inputs to classes, `batch` rows a step, STEPS steps an epoch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

STEPS = 20
BLOCK = 0.1  # seconds that a block of epochs lasts at least: what a fit costs once is then small beside its steps
TOTAL = 2.0  # seconds that all blocks last at least
BLOCKS = 2  # the least number of blocks: with the warm-up 60 steps of the slowest network

Run = Callable[[int], float]  # trains so many epochs, gives the seconds they took


@dataclass(frozen=True)
class Net:
    """Dense layers of these widths, relu between them, softmax cross-entropy at the end; Adam, float32."""

    sizes: tuple[int, ...]
    batch: int

    @property
    def rows(self) -> int:
        """Rows of an epoch: STEPS whole batches."""
        return STEPS * self.batch

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """(inputs, outputs) of each layer."""
        return list(pairwise(self.sizes))


NETS = {
    "XS": Net((20, 32, 32, 2), 32),
    "S": Net((64, 100, 10), 200),
    "M": Net((784, 256, 128, 10), 128),
    "L": Net((784, 1024, 1024, 1024, 10), 256),
}


def data(net: Net) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """x (rows, n) standard normal, y (rows,) classes at random; the same at each call."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((net.rows, net.sizes[0]), dtype=np.float32)
    return x, rng.integers(net.sizes[-1], size=net.rows)


def timed(train: Callable[[int], object]) -> Run:
    """A Run of what trains so many epochs."""

    def run(epochs: int) -> float:
        start = perf_counter()
        train(epochs)
        return perf_counter() - start

    return run


def step_times(run: Run) -> list[float]:
    """Microseconds a step, one value a block; the first epoch and blocks that were too short count as warm-up."""
    run(1)
    epochs = 1
    while (seconds := run(epochs)) < BLOCK:
        epochs *= 2
    blocks = [seconds]
    while len(blocks) < BLOCKS or sum(blocks) < TOTAL:
        blocks.append(run(epochs))
    return [1e6 * seconds / (epochs * STEPS) for seconds in blocks]
