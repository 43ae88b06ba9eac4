"""A workload: a network, a loss and rows on which rules are compared, and the metric that judges them.

Everything but what is compared is the workload's: rows and their parts, layers, batches, horizon.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, final

from bpframe.network.network import Network
from bpframe.protocols.traits import better
from bpframe.registry import build
from bpframe.runs.config import Partition

Rows = Callable[[], Partition]


@final
@dataclass(frozen=True)
class Workload:
    """`epochs`: those of the shortest horizon. `target`: a value of the metric to reach; None: that of tuned adam.

    `looks`: how often an epoch is looked at, at least. `seconds`: about how many the shortest horizon takes, in CPU
    time of one core of 2020. `parts`: further arguments of the Trainer.
    """

    name: str
    rows: Rows
    layers: Callable[[], list[Any] | Network]
    loss: Any
    metric: str
    epochs: int
    batch_size: int = 32
    target: float | None = None
    looks: int = 2
    seconds: float = 0.1
    parts: Mapping[str, Any] | None = None

    def network(self) -> Network:
        """A network of its own for each training."""
        layers = self.layers()
        return layers if isinstance(layers, Network) else Network(layers)

    @property
    def lower_is_better(self) -> bool:
        """Whether lower values of the metric are better."""
        return self.metric == "loss" or better(build("metric", self.metric)) != "max"

    def steps(self, rows: int, horizon: int = 1) -> tuple[int, list[int]]:
        """(all steps of a horizon, those after which it is looked at) for so many rows of training."""
        each = math.ceil(rows / self.batch_size)
        whole = each * self.epochs * horizon
        every = max(1, each // self.looks)
        return whole, sorted({*range(every, whole + 1, every), whole})

    def record(self) -> dict[str, Any]:
        """What the file says of it."""
        names = ("name", "metric", "epochs", "batch_size", "target", "lower_is_better")
        return {name: getattr(self, name) for name in names}


def cost(value: float | None, lower_is_better: bool) -> float:
    """A value of a metric as a number of which lower is better; infinite for none."""
    if value is None or math.isnan(value):
        return math.inf
    return value if lower_is_better else -value
