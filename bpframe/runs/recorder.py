"""The recorder: a callback that writes the files of a run during training."""

from __future__ import annotations

from collections.abc import Callable
from os import PathLike
from typing import Any, final

from bpframe.data.fingerprint import Fingerprint
from bpframe.runs.config.partition import Partition
from bpframe.runs.config.run_config import Config
from bpframe.runs.folder import RunFolder
from bpframe.runs.history_file import HistoryFile
from bpframe.runs.lock import lock
from bpframe.saving.atomic import write_file
from bpframe.training.history import History
from bpframe.training.hook_marker import hookimpl
from bpframe.training.run_state import RunState


@final
class CheckpointPath(PathLike[str]):
    """The path of a run's checkpoints, which exists once the recorder has created the folder."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def __fspath__(self) -> str:
        assert self._recorder.folder is not None
        return str(self._recorder.folder.checkpoints)


@final
class Recorder:
    """Creates the run folder once the data are checked, and appends a line to the history after each epoch.

    `folder`: that of a run that is resumed. Epochs that the history has already are written at the start. `admit`:
    called with the fingerprint of all parts before anything is written; it raises where other data are wanted. `anew`,
    to be set: the finished run in `folder` is fitted on other data, which were admitted, so that its lock is another.
    `began`: whether it writes; `epochs`: complete and recorded epochs; `steps`: all steps, set when the run ends;
    `reason`: why it ended early.
    """

    rewinds = True

    def __init__(
        self,
        config: Config,
        parts: Partition,
        create: Callable[[], RunFolder],
        folder: RunFolder | None = None,
        admit: Callable[[Fingerprint], None] | None = None,
    ) -> None:
        self.folder: RunFolder | None = folder
        self.steps = 0
        self.epochs = 0
        self.reason: str | None = None
        self.anew = False
        self._history: HistoryFile | None = None  # once there is a folder to write to
        self._config, self._parts, self._create, self._admit = config, parts, create, admit

    @property
    def began(self) -> bool:
        """Whether the run has begun to write."""
        return self._history is not None

    @hookimpl
    def bpframe_fit_start(self, state: RunState) -> None:
        """DataError if the test part is unusable, before the first step rather than after the last."""
        data = self._fingerprint(state)
        if self._admit is not None and not self.anew:
            self._admit(data)
        config, lock_file = self._config.text(), lock.lock_text(self._config, data)
        resumed = self.folder is not None
        if self.folder is None:
            self.folder = self._create()
            write_file(self.folder.lock, lock_file)
            write_file(self.folder.config, config)  # last: a folder with a config is a run
        else:
            if self.anew:
                self.folder.remove_results()  # before the lock that says of which data they are not
                write_file(self.folder.lock, lock_file)
        self._history = HistoryFile(self.folder.history)
        self.epochs = len(state.history)
        if self.epochs or resumed:
            self._history.replace(_record(state.history, i) for i in range(self.epochs))

    @hookimpl
    def bpframe_epoch_end(self, state: RunState) -> None:
        """Write the epoch's record."""
        self._append(state.history, len(state.history) - 1)

    @hookimpl
    def bpframe_exception(self, state: RunState) -> None:
        """Store the number of steps; write a record that an interrupt has prevented."""
        self.steps = state.step
        if self._history is not None:
            self._append(state.history, self._history.cut_to_whole_lines())
            self._history.sync()

    @hookimpl
    def bpframe_fit_end(self, state: RunState) -> None:
        """Store the number of steps and the reason to stop."""
        assert self._history is not None
        self.steps, self.reason = state.step, state.stopped
        self._history.sync()

    def _fingerprint(self, state: RunState) -> Fingerprint:
        """That of the data that are fitted, and of the test part."""
        assert state.fingerprint is not None
        part = self._parts.test
        if part is None:
            return state.fingerprint.value
        return state.fingerprint.value.with_part("test", state.trainer.task.admit(*part, name="test x")[0], part[0])

    def _append(self, history: History, first: int) -> None:
        """Write the records from the number `first` on."""
        assert self._history is not None
        self._history.append([_record(history, i) for i in range(first, len(history))])
        self.epochs = len(history)


def _record(history: History, i: int) -> dict[str, Any]:
    """The history's record of an epoch, NaN values included."""
    curves = {part: getattr(history, part) for part in ("train", "validation")}
    values = {part: {name: curve[i] for name, curve in named.items() if curve} for part, named in curves.items()}
    return history.record(i) | values
