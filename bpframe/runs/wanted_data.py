"""The data that a run is wanted to have: those that a lock of `--frozen` holds, and those that it began with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import final

from bpframe.data.class_weight import apply_class_weight
from bpframe.data.fingerprint import Fingerprint, fingerprint
from bpframe.data.task import Task
from bpframe.errors import ConfigError
from bpframe.protocols import Data
from bpframe.runs.config.partition import Part, Partition
from bpframe.runs.config.run_config import Config
from bpframe.runs.folder import RunFolder
from bpframe.runs.lock import lock
from bpframe.runs.lock.compare import DATA, Difference, compare_locks, refuse_differences
from bpframe.training.trainer import Trainer


@final
@dataclass(frozen=True)
class WantedData:
    """`frozen`: the lock file of `--frozen`; `earlier`: the folder of the run that goes on. None: any data."""

    frozen: Path | None
    earlier: RunFolder | None

    def admit(self, data: Fingerprint) -> None:
        """ConfigError, which names each difference, for other data than those."""
        if self.frozen is not None:
            refuse_differences(self.frozen, _differences(lock.read_lock(self.frozen), data))
        if self.earlier is not None and (found := self.other_than_before(data)):
            raise ConfigError(
                f"--resume needs the data that {self.earlier.path} was begun with, but there are differences: "
                f"{'; '.join(found)}. Take those, or another --name."
            )

    def admit_new(self, data: Fingerprint) -> None:
        """The same for a finished run that is to be fitted on new data: what it began with is of no matter."""
        WantedData(self.frozen, None).admit(data)

    def other_than_before(self, data: Fingerprint) -> list[str]:
        """What differs from the data that the earlier run was fitted on, as far as its lock holds them."""
        if self.earlier is None:
            return []
        return [difference.text for difference in _differences(lock.read_lock(self.earlier.path), data)]


def parts_fingerprint(trainer: Trainer, parts: Partition, config: Config) -> Fingerprint:
    """The fingerprint of the data for a trainer that knows their labels, as the lock of a run holds it."""
    task = trainer.task
    training = apply_class_weight(task.admit(*parts.train)[0], task, config.settings.train.class_weight)
    apart = {"validation": parts.validation, "test": parts.test}
    admitted = {name: part and _admitted(task, part, f"{name} x") for name, part in apart.items()}
    rows = {"training": parts.train[0], **{name: part[0] for name, part in apart.items() if part}}
    return fingerprint({"training": training, **admitted}, task.columns or (), rows=rows)


def _admitted(task: Task, part: Part, name: str) -> Data:
    x, y, *weight = part
    return task.admit(x, y, weight[0] if weight else None, name)[0]


def _differences(held: lock.Lock, data: Fingerprint) -> list[Difference]:
    return [one for one in compare_locks(held, {"data": data.tables()}) if one.severity == DATA]
