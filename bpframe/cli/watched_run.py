"""A watched run: what another process has written of it so far, read a little at a time."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, final

from bpframe.report.epoch_curves import EpochCurves
from bpframe.runs.folder import RunFolder
from bpframe.runs.history_tail import HistoryTail
from bpframe.runs.run import Run
from bpframe.runs.run_table import state_of

HEADER = ("run", "state", "epoch", "train loss", "validation loss", "best", "left")
QUIET_SECONDS = 3.0  # without a new epoch, after which it is asked whether a process still trains
RECENT = 20  # epochs by which the pace is judged


@final
@dataclass
class WatchedRun:
    """A run and its curves; `state` is "training", "over" or "stopped"."""

    run: Run
    curves: EpochCurves = field(default_factory=EpochCurves)
    state: str = ""
    _heard: float = -math.inf  # when there was something new

    def __post_init__(self) -> None:
        self._tail = HistoryTail(RunFolder(self.run.path).history)
        self._paces: list[float] = []

    @property
    def epochs(self) -> int:
        """How many it is to have."""
        return int(self.run.config.get("train", {}).get("epochs", 0))

    def look(self) -> bool:
        """Whether something is new."""
        records, state = self._tail.records(), self.state
        if self._tail.anew:
            self.curves = EpochCurves()
        self.curves.extend(records)
        self._paces = [*self._paces, *(r.get("seconds") or 0.0 for r in records[-RECENT:])][-RECENT:]
        now = time.monotonic()
        if records:
            self._heard = now
        if not records or not state:
            asked = now - self._heard > QUIET_SECONDS or RunFolder(self.run.path).results
            self.state = state_of(self.run) if asked or not state else state
        return bool(records) or self.state != state

    def row(self) -> tuple[str, ...]:
        """The texts of `HEADER`."""
        latest = self.curves.latest
        best = self._best()
        losses = (latest.get(part, {}).get("loss") for part in ("train", "validation"))
        epoch = f"{len(self.curves):,}/{self.epochs:,}"
        return self.run.name, self.state, epoch, *map(_text, losses), best, self._left()

    def recent(self, most: int) -> Sequence[float]:
        """The last values of the loss that is watched."""
        return self.curves.values(self._monitored)[-most:]

    @property
    def _monitored(self) -> str:
        return "validation.loss" if self.curves.values("validation.loss") else "train.loss"

    def _best(self) -> str:
        values = self.curves.values(self._monitored)
        known = [(value, i) for i, value in enumerate(values, start=1) if not math.isnan(value)]
        if not known:
            return ""
        value, epoch = min(known)
        return f"{_text(value)} in {epoch:,}"

    def _left(self) -> str:
        """The time that is left at the pace of the latest epochs."""
        if self.state != "training" or not self._paces:
            return ""
        minutes, seconds = divmod(round((self.epochs - len(self.curves)) * sum(self._paces) / len(self._paces)), 60)
        return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}" if minutes >= 60 else f"{minutes}:{seconds:02}"


def _text(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, int | float) and math.isfinite(value) else ""
