"""Where a run is: what every hook is given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np

from bpframe.protocols import Metric
from bpframe.protocols.traits import better
from bpframe.training.history import History
from bpframe.training.parameters import Parameters
from bpframe.types import HostArray


@dataclass
class RunState:
    """What every hook is given.

    trainer; epoch (from 0) and epochs (where this fit ends); step: updates made; steps: batches an epoch; done:
    batches of this epoch made; latest: (3, k) loss, penalty and weight of the latest step or block, of the whole epoch
    in bpframe_epoch_end, and loss, the mean of those; metrics: the latest epoch by curve, {"train.loss": ...}; curves:
    every curve this run records, with the direction that is better ("min", "max", None); memory: a dict of the
    callback's own, plain values and arrays, kept with the run and in its checkpoints; resumed: this fit goes on from a
    checkpoint; exception, in bpframe_exception.
    """

    trainer: Any
    history: History
    curves: dict[str, str | None]
    epochs: int
    memories: list[dict[str, Any]]
    epoch: int = 0
    step: int = 0
    steps: int = 0
    done: int = 0
    latest: HostArray | None = None
    metrics: dict[str, float] = field(default_factory=dict)
    memory: dict[str, Any] = field(default_factory=dict)
    stopped: str | None = None
    resumed: bool = False
    exception: BaseException | None = None
    cut: bool = False
    asked: set[int] = field(default_factory=set)

    @property
    def loss(self) -> float | None:
        """Mean of the latest step or block."""
        return None if self.latest is None else means(self.latest)[0]

    @property
    def parameters(self) -> Parameters:
        """The trainer's parameters, to read and to set."""
        return cast(Parameters, self.trainer.parameters)

    def look(self, step: int) -> None:
        """Have the block that runs into this step end there, so that bpframe_block_end is called at it."""
        self.asked.add(step)

    def stop(self, reason: str) -> None:
        """End the fit after the present hook; `reason` is kept as `stopped`."""
        self.stopped = reason


def curves(metrics: Sequence[tuple[str, Metric]], validation: bool) -> dict[str, str | None]:
    """Every curve of a run by name, with the direction that is better; None: not known."""
    best = {"loss": "min", **{name: better(metric) for name, metric in metrics}}
    parts = ("train", "validation") if validation else ("train",)
    always = {"train.loss": "min", "train.objective": "min"}
    return always | {f"{part}.{name}": way for part in parts for name, way in best.items()}


def means(values: HostArray) -> tuple[float, float]:
    """Mean loss and penalty of steps, from their (3, steps) values, by the weight of each."""
    weight = values[2]
    total = float(np.add.reduce(weight))
    loss, penalty = (values[:2] @ weight).tolist()
    return (loss / total, penalty / total) if total else (0.0, 0.0)
