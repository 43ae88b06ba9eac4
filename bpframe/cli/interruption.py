"""The interruption of a run: what is left is saved, and a note of the error that ends it says how to go on."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from numbers import Real
from typing import Any, final

from bpframe.cli.train_options import TrainOptions
from bpframe.errors import BpframeError, NumericalError
from bpframe.runs.config import Config
from bpframe.runs.config.specs import to_tables
from bpframe.runs.folder import RunFolder
from bpframe.runs.recorder import Recorder
from bpframe.runs.resume import PATTERN
from bpframe.training.trainer import Trainer


@final
@dataclass(frozen=True)
class Interruption:
    """The end of a run by an exception."""

    config: Config
    options: TrainOptions
    recorder: Recorder
    trainer: Trainer

    def note(self, error: BaseException) -> str | None:
        """Save the model as it is now, and say so, and how to go on; None where there is nothing to say."""
        folder = self.recorder.folder
        if folder is None or not self.recorder.began:
            stopped = isinstance(error, KeyboardInterrupt | NumericalError)
            return "Nothing was trained and nothing written." if stopped else None
        if self.recorder.steps == 0:
            return f"No step was made; {folder.path} has the config alone."
        saved = self._save(folder)
        further = self._start_anew(folder, error.ruined) if isinstance(error, NumericalError) else self._go_on(folder)
        return f"{saved} {further}".rstrip()

    def _save(self, folder: RunFolder) -> str:
        epochs = f"{self.recorder.epochs} whole epoch{'' if self.recorder.epochs == 1 else 's'}"
        model = f"The model after step {self.recorder.steps} ({epochs})"
        try:
            self.trainer.save(folder.model)
        except (BpframeError, MemoryError, OSError) as error:
            return f"{model} is not saved: {error}"
        return f"{model} is saved in {folder.path}."

    def _go_on(self, folder: RunFolder) -> str:
        files = sorted(folder.checkpoints.glob(PATTERN))
        if not files:
            return ""
        step = int(files[-1].stem.rpartition("-")[2])
        where = "" if step == self.recorder.steps else f" from step {step}"
        return f"To go on{where}: {self.options.command(folder, '--name', folder.path.name, '--resume', 'auto')}"

    def _start_anew(self, folder: RunFolder, ruined: bool) -> str:
        """How to start with a tenth of the learning rate: from the last finite step, unless that is ruined."""
        found = _learning_rate(to_tables(self.config.settings, self.config.folder)["optimizer"], "optimizer")
        if not folder.model.exists():
            return ""
        if found is None:
            change, what = "KEY=VALUE", "another setting"
        else:
            change, what = f"{found[0]}={found[1] / 10:.3g}", "another learning rate"
        names = (f"{folder.path.name}-{i}" for i in itertools.count(2))
        free = next(name for name in names if not (folder.path.parent / name).exists())
        start, where = ([], "anew") if ruined else (["--from", str(folder.path)], "from it")
        return f"To start {where} with {what}: {self.options.command(folder, *start, '--set', change, '--name', free)}"


def _learning_rate(optimizer: Any, path: str) -> tuple[str, float] | None:
    """(path, value) of the number that the learning rate of a rule, or of the rule inside it, begins with."""
    if not isinstance(optimizer, Mapping):
        return None
    for key in ("lr", "initial", "peak", "schedule", "inner"):
        value = optimizer.get(key)
        if isinstance(value, Real) and not isinstance(value, bool):
            return f"{path}.{key}", float(value)
        if found := _learning_rate(value, f"{path}.{key}"):
            return found
    return None


def remove_if_empty(folder: RunFolder) -> None:
    """Remove the folder of checkpoints of a run that needed none."""
    with suppress(OSError):
        folder.checkpoints.rmdir()
