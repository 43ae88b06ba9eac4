"""The recorder: a callback that writes the files of a run during training."""

from __future__ import annotations

from collections.abc import Callable
from os import PathLike
from typing import Any, final

from bpframe.runs.config.partition import Parts
from bpframe.runs.config.run_config import Config
from bpframe.runs.folder import RunFolder
from bpframe.runs.lock import lock
from bpframe.saving.atomic import reraise_as_checkpoint_error, write_file
from bpframe.saving.json_values import to_json
from bpframe.training.history import History
from bpframe.training.hooks import hookimpl
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

    `folder`: that of a run that is resumed, whose history is written again from the checkpoint. `epochs`: complete
    and recorded epochs; `steps`: all steps, set when the run ends; `reason`: why it ended early.
    """

    def __init__(
        self, config: Config, parts: Parts, create: Callable[[], RunFolder], folder: RunFolder | None = None
    ) -> None:
        self.folder: RunFolder | None = folder
        self.steps = 0
        self.epochs = 0
        self.reason: str | None = None
        self._config, self._parts, self._create = config, parts, create

    @hookimpl
    def bpframe_fit_start(self, state: RunState) -> None:
        """DataError if the test part is unusable, before the first step rather than after the last."""
        if self._parts.test is not None:
            state.trainer.head.admit(*self._parts.test, name="test x")
        config, lock_file = self._config.text(), lock.lock_text(self._config)
        if self.folder is None:
            self.folder = self._create()
            write_file(self.folder.lock, lock_file)
            write_file(self.folder.config, config)  # last: a folder with a config is a run
        else:
            write_file(self.folder.history, "")
            self._append(state.history, 0)

    @hookimpl
    def bpframe_epoch_end(self, state: RunState) -> None:
        """Write the epoch's record before the next epoch starts."""
        self._append(state.history, len(state.history) - 1)

    @hookimpl
    def bpframe_exception(self, state: RunState) -> None:
        """Store the number of steps; write a record that an interrupt has prevented."""
        self.steps = state.step
        if self.folder is not None:
            self._append(state.history, self._cut_to_complete_lines())

    @hookimpl
    def bpframe_fit_end(self, state: RunState) -> None:
        """Store the number of steps and the reason to stop."""
        self.steps, self.reason = state.step, state.stopped

    def _append(self, history: History, first: int) -> None:
        """Write the records from the number `first` on."""
        assert self.folder is not None
        lines = "".join(to_json(_record(history, i)) + "\n" for i in range(first, len(history)))
        with reraise_as_checkpoint_error(self.folder.history), self.folder.history.open("a", encoding="utf-8") as file:
            file.write(lines)
        self.epochs = len(history)

    def _cut_to_complete_lines(self) -> int:
        """The number of lines of the history file, after removing an incomplete last line."""
        assert self.folder is not None
        with reraise_as_checkpoint_error(self.folder.history), self.folder.history.open("ab+") as file:
            file.seek(0)
            written = file.read()
            file.truncate(written.rfind(b"\n") + 1)
        return written.count(b"\n")


def _record(history: History, i: int) -> dict[str, Any]:
    """The history's record of an epoch, NaN values included."""
    curves = {part: getattr(history, part) for part in ("train", "validation")}
    values = {part: {name: curve[i] for name, curve in named.items() if curve} for part, named in curves.items()}
    return history.record(i) | values
