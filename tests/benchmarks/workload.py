"""What every library trains, and how long a step of it takes.

Sizes: `sizes` are the widths of a network from inputs to classes, `batch` rows a step, `steps` steps an epoch.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

STEPS = 20

Run = Callable[[int], float]  # trains so many epochs, gives the seconds they took


RULES = ("adam", "sgd", "momentum")
ACTIVATIONS = ("relu", "tanh")


@dataclass(frozen=True)
class Net:
    """Dense layers of these widths, an activation between them, softmax cross-entropy at the end; float32.

    Rules: Adam with a learning rate of 1e-3, sgd of 1e-2, that with a momentum of 0.9.
    """

    sizes: tuple[int, ...]
    batch: int
    rule: str = "adam"
    activation: str = "relu"
    steps: int = STEPS

    @property
    def lr(self) -> float:
        """The rule's learning rate."""
        return 1e-3 if self.rule == "adam" else 1e-2

    @property
    def momentum(self) -> float:
        """Of the velocity; 0: none."""
        return 0.9 if self.rule == "momentum" else 0.0

    @property
    def rows(self) -> int:
        """Rows of an epoch: whole batches."""
        return self.steps * self.batch

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """(inputs, outputs) of each layer."""
        return list(pairwise(self.sizes))


NETS = {
    "XS": Net((20, 32, 32, 2), 32),
    "S": Net((64, 100, 10), 200),
    "mid": Net((64, 256, 256, 10), 32),
    "M": Net((784, 256, 128, 10), 128),
    "L": Net((784, 1024, 1024, 1024, 10), 256),
}


def chosen(name: str) -> Net:
    """The network of "S", of "S:sgd", or of "S:adam:tanh"; KeyError for a part that is not known.

    In the place of the size "64-100-10@200", widths and batch, or "64-100-10@200x50" with the steps of an epoch.
    """
    given = name.split(":")
    size, rule, activation = given + ["", "adam", "relu"][len(given) :]
    if rule not in RULES or activation not in ACTIVATIONS:
        raise KeyError(name)
    return replace(NETS[size] if size in NETS else described(size), rule=rule, activation=activation)


def described(size: str) -> Net:
    """The network of widths, batch and steps; KeyError where they cannot be read."""
    found = re.fullmatch(r"([\d-]+)@(\d+)(?:x(\d+))?", size)
    if found is None:
        raise KeyError(size)
    widths, batch, steps = found.groups()
    return Net(tuple(map(int, widths.split("-"))), int(batch), steps=int(steps or STEPS))


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
