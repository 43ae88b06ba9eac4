"""Early stopping."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, final

import numpy as np

from bpframe.plugin import HostArray, RunState, checks, hookimpl, lower, monitor_direction


@final
@dataclass(frozen=True)
class EarlyStopping:
    """Ends the fit when `monitor` has not improved by more than `min_delta` for `patience` epochs.

    `monitor` is a curve of the history, "validation.loss" or "train.accuracy"; `mode` says which direction is better
    where the curve does not say it itself, as losses and most metrics do. Epochs in which nothing could improve are
    left out: those without an update (accumulate may gather more batches than an epoch has), and, where validation is
    watched, those after which an average that predicts (lookahead, ema, ...) is as before. Each fit starts anew, best
    value and count of epochs (reduce_on_plateau counts on from earlier fits); a resumed fit goes on. The best epoch's
    parameters are put back at the end of the fit, whether it stopped early or not, unless `restore_best` is False.
    Source: Prechelt (1998), Early stopping - but when?
    """

    monitor: str = "validation.loss"
    patience: int = 5
    min_delta: float = 0.0
    mode: Literal["min", "max"] | None = None
    restore_best: bool = True
    rewinds: ClassVar[bool] = True

    def __post_init__(self) -> None:
        checks.positive("early_stopping", patience=self.patience)
        checks.not_negative("early_stopping", min_delta=self.min_delta)

    def check_memory(self, memory: Mapping[str, Any], parameters: Mapping[str, HostArray]) -> None:
        """ValueError unless it is a best value with the epoch, the wait since then, and parameters of that network."""
        numbers = dict.fromkeys(("sign", "best"), float) | dict.fromkeys(("epoch", "waited"), int)
        for name, kind in numbers.items():
            if type(memory[name]) is not kind or math.isnan(memory[name]) or (kind is int and memory[name] < 0):
                raise ValueError(f"early_stopping needs a number as its {name}, got {memory[name]!r:.60}")
        if memory["parameters"] is not None and not _fits(memory["parameters"], parameters):
            raise ValueError("early_stopping needs finite parameters like the network's")

    @hookimpl
    def bpframe_fit_start(self, state: RunState) -> None:
        """Start counting; ConfigError if the monitored curve will not exist."""
        mode = monitor_direction("early_stopping", self.monitor, self.mode, state.curves)
        if state.resumed and state.memory:
            return
        state.memory.update(sign=1.0 if mode == "min" else -1.0, best=float("inf"), epoch=0, waited=0, parameters=None)

    @hookimpl
    def bpframe_epoch_end(self, state: RunState) -> None:
        """Keep the best epoch's parameters; stop when patience is spent."""
        memory = state.memory
        if state.is_idle(self.monitor) and memory["best"] < math.inf:
            return
        value = memory["sign"] * state.metrics[self.monitor]
        if lower(value, memory["best"], self.min_delta):
            memory.update(best=value, waited=0, epoch=state.epoch + 1)
            memory["parameters"] = state.parameters.copy() if self.restore_best else None
            return
        memory["waited"] += 1
        if memory["waited"] >= self.patience:
            state.stop(f"{self.monitor} has not improved for {self.patience} epochs; best was epoch {memory['epoch']}")

    @hookimpl
    def bpframe_fit_end(self, state: RunState) -> None:
        """Put the best epoch's parameters back."""
        if state.memory["parameters"] is not None:
            state.parameters.replace(state.memory["parameters"])


def _fits(best: Mapping[str, HostArray], parameters: Mapping[str, HostArray]) -> bool:
    """Whether parameters have the names, shapes and dtypes of others, and are finite."""
    one, other = ({name: (leaf.shape, leaf.dtype) for name, leaf in each.items()} for each in (best, parameters))
    return one == other and all(np.isfinite(leaf).all() for leaf in best.values())
