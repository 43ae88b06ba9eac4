"""The callback that writes a run's files while it trains."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, final

from bpframe.config.parts import Parts
from bpframe.config.run import Config
from bpframe.hooks import hookimpl
from bpframe.runs import lock
from bpframe.runs.files import to_json, told, write
from bpframe.runs.folder import Folder


@final
class Recorder:
    """Makes the folder once all data are known to be good, and adds a line to the history after each epoch.

    `steps`: how many the run has made, known when it ends, however it ends; `reason`: why it ended early.
    """

    def __init__(self, config: Config, parts: Parts, claim: Callable[[], Folder]) -> None:
        self.folder: Folder | None = None
        self.steps = 0
        self.epochs = 0
        self.reason: str | None = None
        self._config, self._parts, self._claim = config, parts, claim

    @hookimpl
    def bpframe_fit_start(self, state: Any) -> None:
        """DataError if the test part is unusable, before the first step rather than after the last."""
        if self._parts.test is not None:
            state.trainer.head.admit(*self._parts.test, name="test x")
        text, locked = self._config.text(), lock.text(self._config)
        self.folder = self._claim()
        write(self.folder.config, text)
        write(self.folder.lock, locked)

    @hookimpl
    def bpframe_epoch_end(self, state: Any) -> None:
        """The epoch's record, on disk before the next begins."""
        record = state.history.record(-1) | {part: _part(state.metrics, part) for part in ("train", "validation")}
        self.epochs = len(state.history)
        assert self.folder is not None
        with told(self.folder.history), self.folder.history.open("a", encoding="utf-8") as file:
            file.write(to_json(record) + "\n")

    @hookimpl
    def bpframe_exception(self, state: Any) -> None:
        """Remember how far the run got."""
        self.steps = state.step

    @hookimpl
    def bpframe_fit_end(self, state: Any) -> None:
        """Remember how far the run got, and why no further."""
        self.steps, self.reason = state.step, state.stopped


def _part(metrics: dict[str, float], part: str) -> dict[str, float]:
    """The values of one part by name; unlike the history's records, with those that are not a number."""
    return {key.removeprefix(f"{part}."): value for key, value in metrics.items() if key.startswith(f"{part}.")}
