"""A run as an object: its config, lock, history, result and model, and its data again."""

from __future__ import annotations

import json
import math
import os
from functools import cached_property
from pathlib import Path
from typing import Any, final

from bpframe.data.fingerprint import Fingerprint
from bpframe.errors import CheckpointError, DataError
from bpframe.runs.config import Config, Partition, load, toml_reader
from bpframe.runs.config.data_sources import ProgramSource
from bpframe.runs.folder import RunFolder
from bpframe.runs.history_file import HistoryFile
from bpframe.runs.lock import lock
from bpframe.runs.model import load_model
from bpframe.runs.resume import PATTERN
from bpframe.runs.wanted_data import parts_fingerprint
from bpframe.saving import model_file, tensor_file
from bpframe.training.history import History
from bpframe.training.trainer import Trainer
from bpframe.types import HostArray


@final
class Run:
    """The run in a folder that `bpframe train` or `fit(..., run="name")` has left, or is writing to.

    Reading `config`, `lock`, `history` and `results` imports no plugin; `model` imports those that the config names, as
    training did. CheckpointError for a folder that is none of a run.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.path = Path(folder)
        self._folder = RunFolder(self.path)
        if not self._folder.config.is_file():
            raise CheckpointError(f"{self.path} is not the folder of a run: it has no {self._folder.config.name}.")

    @property
    def name(self) -> str:
        """The name of the folder."""
        return self.path.resolve().name

    @cached_property
    def config(self) -> dict[str, Any]:
        """The tables of config.toml, every default filled in, as plain values."""
        return toml_reader.read_toml(self._folder.config)[0]

    @cached_property
    def lock(self) -> dict[str, Any]:
        """The tables of run.lock.toml: code, versions, machine, settings and digests of the data."""
        return lock.read_lock(self._folder.lock)

    @property
    def history(self) -> History:
        """The curves of all epochs so far, read anew each time."""
        history = History()
        for record in HistoryFile(self._folder.history).records():
            if "data" in record:
                history.note_data(record["data"])
            history.notes += [(record["epoch"], sentence) for sentence in record.get("notes", ())]
            values = [record[name] for name in ("train", "validation", "lr", "step", "seconds")]
            history.append(*values)
        return history

    @property
    def results(self) -> dict[str, dict[str, float]]:
        """Loss, metrics and number of rows by the part that was measured at the end; empty until the run is over."""
        return {file.stem: _result(file) for file in self._folder.results}

    @property
    def checkpoint(self) -> Path | None:
        """The latest checkpoint, for `Trainer.resume`; None where there is none."""
        return max(self._folder.checkpoints.glob(PATTERN), default=None)

    @property
    def snapshots(self) -> list[tuple[int, dict[str, HostArray]]]:
        """(step, parameters by "layer/name") in each checkpoint that is there, in order: those that were trained."""
        found = []
        for path in sorted(self._folder.checkpoints.glob(PATTERN)):
            tensors, content = tensor_file.read_tensors(path)
            params = model_file.network_tensors(tensors, model_file.CHECKPOINT)
            found.append(
                (int(content["step"]), {name: value for name, value in params.items() if "/buffers/" not in name})
            )
        return found

    @cached_property
    def model(self) -> Trainer:
        """A trainer with the model of the run; CheckpointError while there is none."""
        return load_model(RunFolder.existing(self.path), self._checked)

    def data(self, train: Any = None, validation: Any = None, test: Any = None) -> Partition:
        """The (x, y) or (x, y, sample_weight) of each part again, known by their digests.

        They are read as the config says, or given: a program's run cannot read the arrays that it was handed. DataError
        that names what differs for other rows than the run was fitted on.
        """
        given = {name: rows for name, rows in (("train", train), ("validation", validation), ("test", test)) if rows}
        if not given and isinstance(self._checked.settings.data.source, ProgramSource):
            raise DataError(f"{self.path} was handed its data by a program. Give them: data(train=(x, y)).")
        parts = Partition(**{"train": None, **given}) if given else self._checked.data()
        now = parts_fingerprint(self.model, parts, self._checked)
        held = Fingerprint.of(self.lock.get("data", now.tables()))
        if given:
            held = Fingerprint({name: part for name, part in held.parts.items() if name in now.parts}, held.columns)
        if found := held.differences(now):
            raise DataError(f"{self.path} was fitted on other data: {'; '.join(found)}. Bring those back.")
        return parts

    @cached_property
    def _checked(self) -> Config:
        """The config with its components."""
        return load(self._folder.config)

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r})"


def _result(file: Path) -> dict[str, float]:
    """What a file of results holds; null, for a number that is not finite, is NaN."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        numbers = {str(name): math.nan if value is None else float(value) for name, value in found.items()}
        return numbers | {"rows": int(found["rows"])}
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise CheckpointError(f"{file} holds no loss and metrics: {error!r}. See bpframe evaluate.") from None
