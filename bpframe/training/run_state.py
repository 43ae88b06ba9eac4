"""The state of a run that every hook is given, and means over its steps."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from bpframe.data.fingerprint import LazyFingerprint
from bpframe.errors import ConfigError
from bpframe.protocols import Data, Metric
from bpframe.protocols.traits import better
from bpframe.training.history import History
from bpframe.training.parameters import Parameters
from bpframe.types import HostArray

if TYPE_CHECKING:
    from bpframe.network.trace import Trace


@dataclass(repr=False)
class RunState:
    """What every hook is given: where a fit is, what it has measured, and how to stop it.

    trainer: the Trainer that fits; `parameters` are its own, to read and to set.
    history: the curves of all epochs so far.
    curves: every curve that the run records, by name ("validation.loss"), with the direction that is better: "min",
        "max", or None where that is not known.
    epochs, epoch: the epoch at which this fit ends, and the present one, from 0; both count from the first fit.
    step, steps, done: batches made since the first fit; those of an epoch; those made of the present epoch.
    latest: (3, k) loss, penalty and weight of the k steps of the latest block, in bpframe_epoch_end of the whole epoch.
    measures: (k,) of each curve that callbacks and metrics measure of updates, by name, at the same steps; NaN where a
        step was not measured.
    loss: the mean loss of those.
    metrics: the latest epoch's value of each curve, {"train.loss": ...}.
    memory: a dict of the callback's own, of plain values and arrays, kept with the run and in its checkpoints.
    memories: the memory of every callback, in their order.
    stopped: why a hook ended the fit by `stop`; None while it goes on.
    period: batches of an update: more than one where gradients are gathered.
    arguments: what `fit` was called with, by name: x, y, epochs, batch_size, ...
    start: the step after which this fit began, or went on from a checkpoint.
    resumed: whether this fit goes on from a checkpoint.
    fingerprint: of the data of this fit, taken when its `value` is first asked for.
    data: the rows of this fit and their targets, as the engine gets them; not to be written to.
    observed: values by name that a callback adds to the rows of the history from now on, as curves of training.
    exception, cut: in bpframe_exception what ended the fit, and whether it came within a block of a session that does
        not keep the losses of its steps, so that no checkpoint can be written.
    looks: steps at which blocks have to end (`look`).
    began: time.perf_counter() at the start of the fit.
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
    measures: dict[str, HostArray] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    memory: dict[str, Any] = field(default_factory=dict)
    stopped: str | None = None
    period: int = 1
    arguments: Mapping[str, Any] = field(default_factory=dict)
    start: int = 0
    resumed: bool = False
    fingerprint: LazyFingerprint | None = None
    data: Data | None = None
    observed: dict[str, float] = field(default_factory=dict)
    exception: BaseException | None = None
    cut: bool = False
    looks: set[int] = field(default_factory=set)
    began: float = field(default_factory=time.perf_counter)

    def __repr__(self) -> str:
        return f"<RunState: epoch {self.epoch + 1}/{self.epochs}, step {self.step}, loss {self.loss}>"

    @property
    def loss(self) -> float | None:
        """Mean loss of the latest step or block; None before the first."""
        return None if self.latest is None else means(self.latest)[0]

    @property
    def gathered(self) -> int:
        """Batches whose gradients wait for an update; what the end of a fit leaves of them is kept for the next."""
        return self.step % self.period

    @property
    def parameters(self) -> Parameters:
        """The trainer's parameters, to read and to set."""
        return cast(Parameters, self.trainer.parameters)

    def is_idle(self, curve: str) -> bool:
        """In bpframe_epoch_end: whether the epoch says nothing new of a curve, and so is not one without improvement.

        That is so where no update was made in it, and, for curves of validation, where the network predicts with an
        average that was not renewed.
        """
        return self.history.is_idle(curve, len(self.history))

    def look(self, step: int) -> None:
        """Have the block that runs into this step end there, so that bpframe_block_end is called at it."""
        self.looks.add(step)

    def trace(self, rows: HostArray) -> Trace:
        """What `Trainer.trace` gives for the rows of `data` with these numbers, at the present parameters."""
        return cast("Trace", self.trainer._fit.trace(rows))

    def note(self, sentence: str) -> None:
        """Keep a sentence about the present epoch with the history, and so in the folder of a run."""
        self.history.notes.append((self.epoch + 1, sentence))

    def stop(self, reason: str) -> None:
        """End the fit after the present hook; `reason` is kept as `stopped`."""
        self.stopped = reason


def _no_setting(name: str) -> property:
    """A name that a hook might set, and that no fit would look at."""

    def read(state: RunState) -> Any:
        raise AttributeError(f"RunState has no attribute {name!r}")

    def write(state: RunState, value: object) -> None:
        raise ConfigError(
            f"A fit that runs has no {name} to set. A rate, and other settings of a rule, can follow a schedule: "
            "reduce_on_plateau, or one of your own; state.parameters sets parameters, state.stop ends the fit."
        )

    return property(read, write)


for _name in ("lr", "learning_rate", "batch_size", "optimizer", "groups", "regularizers", "callbacks", "network"):
    setattr(RunState, _name, _no_setting(_name))


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
