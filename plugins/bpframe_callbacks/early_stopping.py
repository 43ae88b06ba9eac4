"""Early stopping."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, final

from bpframe.plugin import RunState, checks, hookimpl, lower, monitor_direction


@final
@dataclass(frozen=True)
class EarlyStopping:
    """Ends the fit when `monitor` has not improved by more than `min_delta` for `patience` epochs.

    `monitor` is a curve of the history, "validation.loss" or "train.accuracy"; `mode` says which direction is better
    where the curve does not say it itself, as losses and most metrics do. The best epoch's parameters are put
    back at the end of the fit, whether it stopped early or not, unless `restore_best` is False.
    Source: Prechelt (1998), Early stopping - but when?
    """

    monitor: str = "validation.loss"
    patience: int = 5
    min_delta: float = 0.0
    mode: Literal["min", "max"] | None = None
    restore_best: bool = True

    def __post_init__(self) -> None:
        checks.positive("early_stopping", patience=self.patience)
        checks.not_negative("early_stopping", min_delta=self.min_delta)

    @hookimpl
    def bpframe_fit_start(self, state: RunState) -> None:
        """Start counting; ConfigError if the monitored curve will not exist."""
        mode = monitor_direction("early_stopping", self.monitor, self.mode, state.curves)
        if state.resumed:
            return
        state.memory.update(sign=1.0 if mode == "min" else -1.0, best=float("inf"), epoch=0, waited=0, parameters=None)

    @hookimpl
    def bpframe_epoch_end(self, state: RunState) -> None:
        """Keep the best epoch's parameters; stop when patience is spent."""
        memory = state.memory
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
