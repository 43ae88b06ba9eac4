"""The run of a program: a callback that keeps what a fit trains in a folder, as `bpframe train` does."""

from __future__ import annotations

import atexit
import os
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar, final

import numpy as np

from bpframe.data.fingerprint import Fingerprint
from bpframe.errors import ConfigError
from bpframe.protocols.traits import changeable
from bpframe.runs.config.partition import Partition
from bpframe.runs.config.toml_reader import MOST_BYTES
from bpframe.runs.folder import RunFolder, config_differences, create_folder, require_plain_name
from bpframe.runs.lock import lock
from bpframe.runs.process_lock import process_lock
from bpframe.runs.program_config import program_config
from bpframe.runs.recorder import Recorder
from bpframe.saving.atomic import reraise_as_checkpoint_error, write_file
from bpframe.saving.json_values import to_json
from bpframe.training.hook_marker import hookimpl
from bpframe.training.preflight import require_rows
from bpframe.training.run_state import RunState

RUNS = Path("runs")
WHO = "run_folder"  # in errors


@final
@dataclass
class ProgramRun:
    """Keeps the run in a folder, as `bpframe train` does, for `bpframe.Run` and the commands that read runs.

    `folder`: a name in runs/, or a path with a folder in it; it must be free, unless the fit goes on from a checkpoint
    of a run there. config.toml has every part of the trainer and every argument of the fit, run.lock.toml code,
    versions and digests of the data, history.jsonl a line an epoch, as soon as it ends; model.safetensors and the
    losses and metrics of validation data, or of training rows where there are none, come at the end. A fit that an
    exception ends leaves the model of its last whole step, and a checkpoint to go on from. `numbered`: where the folder
    exists, take the first free one of folder-2, folder-3, ...: for a trainer that is fitted more than once.
    `fit(..., run="name")` has this callback for one fit.
    """

    folder: str | os.PathLike[str]
    numbered: bool = False
    rewinds: ClassVar[bool] = True
    _record: _Record | None = field(default=None, init=False, repr=False, compare=False)

    @classmethod
    def example_configs(cls) -> list[dict[str, Any]]:
        """For the checks: a folder that goes when the program ends."""
        folder = TemporaryDirectory(prefix="bpframe-")
        atexit.register(folder.cleanup)
        return [{"folder": os.path.join(folder.name, "run"), "numbered": True}]

    def __post_init__(self) -> None:
        if not isinstance(self.folder, str | os.PathLike):
            raise ConfigError(f"run_folder needs the name or the path of a folder, got {self.folder!r}.")

    @hookimpl(tryfirst=True)
    def bpframe_fit_start(self, state: RunState) -> None:
        """Take the folder; ConfigError where it is not free, or holds another run than the fit goes on with."""
        self._record = _Record(_path(self.folder), self.numbered, state)
        self._record.recorder.bpframe_fit_start(state)

    @hookimpl
    def bpframe_epoch_end(self, state: RunState) -> None:
        """Write the epoch's line."""
        assert self._record is not None
        self._record.recorder.bpframe_epoch_end(state)

    @hookimpl(trylast=True)
    def bpframe_fit_end(self, state: RunState) -> None:
        """Write the model and how good it is, once callbacks have set what they set."""
        if self._record is not None:
            self._record.recorder.bpframe_fit_end(state)
            self._record.finish(state)

    @hookimpl(trylast=True)
    def bpframe_exception(self, state: RunState) -> None:
        """Write the model of the last whole step, and what it takes to go on."""
        record, self._record = self._record, None
        if record is not None:
            with record.stack:
                record.interrupt(state)

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_record": None}  # a copy writes nothing into a folder that is in use


class _Record:
    """The folder of one fit, locked against other processes until `stack` is closed, and what writes to it."""

    def __init__(self, path: Path, numbered: bool, state: RunState) -> None:
        trainer, self.stack = state.trainer, ExitStack()
        config = program_config(path / "config.toml", trainer.spec, trainer.task, state.arguments, state.epochs)
        _refuse_long(config.text())
        earlier = RunFolder(path) if state.resumed and (path / "config.toml").exists() else None
        if earlier is not None:
            self.stack.enter_context(process_lock(earlier))
            for before, now in config_differences(earlier, config.text(), changeable(trainer.engine)):
                raise ConfigError(
                    f"run_folder needs the config that {path} was begun with: there '{before}', now '{now}'. Go on "
                    "with the same, or take another name."
                )
        call = state.arguments
        weight = () if call["sample_weight"] is None else (call["sample_weight"],)
        validation = None if call["validation"] is None else require_rows(call["validation"])
        self.parts: dict[str, Any] = {"validation": validation, "train": (call["x"], call["y"], *weight)}
        admit = None if earlier is None else _admission(earlier)
        self.recorder = Recorder(
            config, Partition(self.parts["train"]), lambda: self._create(path, numbered), earlier, admit
        )

    def finish(self, state: RunState) -> None:
        """The model, and loss and metrics of the rows that it was not trained on, or of all where there are none."""
        with self.stack:
            part = next(name for name, rows in self.parts.items() if rows is not None)
            state.trainer.save(self._folder.model)
            x, y, *weight = self.parts[part]
            values = state.trainer.evaluate(x, y, *weight)
            write_file(self._folder.result(part), to_json({**values, "rows": len(x)}) + "\n")

    def interrupt(self, state: RunState) -> None:
        """What is there after an exception: the run is not over."""
        if not self.recorder.began:
            return
        self.recorder.bpframe_exception(state)
        self._folder.remove_results()
        if not self.recorder.steps:
            return
        state.trainer.save(self._folder.model)
        finite = all(np.isfinite(value).all() for value in state.parameters.copy().values())
        if finite and not state.cut and state.step != state.start:
            with reraise_as_checkpoint_error(self._folder.checkpoints):
                self._folder.checkpoints.mkdir(exist_ok=True)
            state.trainer.checkpoint(self._folder.checkpoints / f"step-{state.step:08d}.safetensors")

    @property
    def _folder(self) -> RunFolder:
        assert self.recorder.folder is not None
        return self.recorder.folder

    def _create(self, path: Path, numbered: bool) -> RunFolder:
        """The folder, new and locked."""
        folder = create_folder(path.parent, path.name, None if numbered else path.name, who=WHO)
        self.stack.enter_context(process_lock(folder))
        return folder


def _path(folder: str | os.PathLike[str]) -> Path:
    """A path as it is; a plain name as a folder in runs/."""
    path = Path(folder)
    if isinstance(folder, str) and path.name == folder:
        require_plain_name(RUNS, folder, WHO)
        return RUNS / folder
    return path


def _refuse_long(text: str) -> None:
    """ConfigError for the text of a config that nobody could read again."""
    if (size := len(text.encode())) > MOST_BYTES:
        raise ConfigError(
            f"run_folder needs a config of at most {MOST_BYTES:,} bytes, got {size:,}: an argument holds many numbers, "
            "as that of the initializer given does. Set parameters after the first fit instead: trainer.parameters."
        )


def _admission(earlier: RunFolder) -> Any:
    """A function that refuses other data than those that the earlier run was begun with."""

    def admit(data: Fingerprint) -> None:
        held = lock.read_lock(earlier.path).get("data")
        if held is not None and (found := Fingerprint.of(held).differences(data)):
            raise ConfigError(
                f"run_folder needs the data that {earlier.path} was begun with, but there are differences: "
                f"{'; '.join(found)}. Take those, or another name."
            )

    return admit
