"""The callback that writes a run's files while it trains."""

from __future__ import annotations

from collections.abc import Callable
from os import PathLike
from typing import Any, final

from bpframe.runs.config.partition import Partition
from bpframe.runs.config.run_config import Config
from bpframe.runs.folder import Folder
from bpframe.runs.lock import lock
from bpframe.saving.text_files import to_json, told, write
from bpframe.training.history import History
from bpframe.training.hooks import hookimpl
from bpframe.training.run_state import RunState


@final
class Checkpoints(PathLike[str]):
    """The folder of a run's checkpoints, known once the run has one."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def __fspath__(self) -> str:
        assert self._recorder.folder is not None
        return str(self._recorder.folder.checkpoints)


@final
class Recorder:
    """Makes the folder once all data are known to be good, and adds a line to the history after each epoch.

    A run that goes on keeps its folder; the history is written again, as far as the checkpoint knows it.
    `epochs` are whole and recorded; `steps`, known when the run ends, are all it made; `reason`: why it ended early.
    """

    def __init__(
        self, config: Config, parts: Partition, claim: Callable[[], Folder], begun: Folder | None = None
    ) -> None:
        self.folder: Folder | None = begun
        self.steps = 0
        self.epochs = 0
        self.reason: str | None = None
        self._config, self._parts, self._claim = config, parts, claim

    @hookimpl
    def bpframe_fit_start(self, state: RunState) -> None:
        """DataError if the test part is unusable, before the first step rather than after the last."""
        if self._parts.test is not None:
            state.trainer.task.admit(*self._parts.test, name="test x")
        text, locked = self._config.text(), lock.text(self._config)
        if self.folder is None:
            self.folder = self._claim()
            write(self.folder.lock, locked)
            write(self.folder.config, text)  # last: with it a run counts as begun
        else:
            write(self.folder.history, "")
            self._append(state.history, 0)

    @hookimpl
    def bpframe_epoch_end(self, state: RunState) -> None:
        """The epoch's record, on disk before the next begins."""
        self._append(state.history, len(state.history) - 1)

    @hookimpl
    def bpframe_exception(self, state: RunState) -> None:
        """Remember how far the run got; an interrupt may have come between an epoch and its record."""
        self.steps = state.step
        if self.folder is not None:
            self._append(state.history, self._whole_lines())

    @hookimpl
    def bpframe_fit_end(self, state: RunState) -> None:
        """Remember how far the run got, and why no further."""
        self.steps, self.reason = state.step, state.stopped

    def _append(self, history: History, first: int) -> None:
        """Write the records from the number `first` on."""
        assert self.folder is not None
        lines = "".join(to_json(_record(history, i)) + "\n" for i in range(first, len(history)))
        with told(self.folder.history), self.folder.history.open("a", encoding="utf-8") as file:
            file.write(lines)
        self.epochs = len(history)

    def _whole_lines(self) -> int:
        """How many lines the history has, after cutting off one that was never finished."""
        assert self.folder is not None
        with told(self.folder.history), self.folder.history.open("ab+") as file:
            file.seek(0)
            written = file.read()
            file.truncate(written.rfind(b"\n") + 1)
        return written.count(b"\n")


def _record(history: History, i: int) -> dict[str, Any]:
    """The history's record of an epoch; unlike that, with the values that are not a number."""
    curves = {part: getattr(history, part) for part in ("train", "validation")}
    values = {part: {name: curve[i] for name, curve in named.items() if curve} for part, named in curves.items()}
    return history.record(i) | values
