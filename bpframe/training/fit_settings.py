"""Fit settings: how long a fit is and how it takes rows; and the state of a trainer that a fit changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, final

from bpframe.data.fingerprint import LazyFingerprint
from bpframe.data.task import Task
from bpframe.errors import ConfigError
from bpframe.protocols import Session
from bpframe.training.history import History
from bpframe.training.present_parts import PresentParts
from bpframe.training.progress import PartialEpoch

Memories = list[dict[str, Any]]


@final
@dataclass(frozen=True)
class FitSettings:
    """The settings of a fit: the epoch and the step at which it ends, from the first fit on, and how it takes rows.

    `first`: the epoch at which it began; None in a file of an earlier bpframe. `by_rows`: of rows with weights, whether
    a batch's losses are divided by its rows, for weights of mean 1; an earlier bpframe took the sum of their weights.
    """

    epochs: int
    steps: int
    batch_size: int
    shuffle: bool
    rows: int
    first: int | None = None
    by_rows: bool = False

    @property
    def length(self) -> int | None:
        """The `epochs` that the fit was asked for; None where that is not known."""
        return None if self.first is None else self.epochs - self.first

    def refuse_other(self, other: FitSettings) -> None:
        """ConfigError if the settings of the resumed fit differ; the step at which it ends is the checkpoint's."""
        for name, key in {"batch_size": "batch_size", "shuffle": "shuffle", "rows": "rows", "epochs": "length"}.items():
            value, wanted = getattr(other, key), getattr(self, key)
            if wanted is not None and value != wanted:
                raise ConfigError(
                    f"The fit that this checkpoint was made in needs {name} {wanted}, got {value}. Go on with the "
                    "same data and settings, or train a new model."
                )


UnfinishedFit = tuple[FitSettings, PartialEpoch]


class TrainerState(NamedTuple):
    """What changes in a trainer by training: its session, what it knows of labels, its history, callbacks' memories.

    `data`: the fingerprint of what the latest fit was given; None where there was none, or where nobody knows.
    `present`: its network and cost with scheduled settings as they are.
    """

    session: Session
    task: Task
    history: History
    memories: Memories
    data: LazyFingerprint | None = None
    present: PresentParts | None = None
