"""The score of a trained network, on test rows if there are any, else on validation or training rows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from bpframe.errors import NumericalError
from bpframe.runs.config import Partition
from bpframe.runs.folder import MEASURED
from bpframe.training.trainer import Trainer


@dataclass(frozen=True)
class Score:
    """Loss and metrics by name, on `rows` rows of a part: "test", "validation" or "train", or of another "file"."""

    part: str
    rows: int
    values: dict[str, float]

    @classmethod
    def of(cls, trainer: Trainer, part: str, x: Any, y: Any, weight: Any = None) -> Score:
        """The trainer measured on rows x with labels or numbers y, and their weights."""
        return cls(part, len(x), trainer.evaluate(x, y, weight))

    @property
    def summary(self) -> str:
        """ "test loss 0.0912, test accuracy 0.9722"."""
        return ", ".join(f"{self.part} {name} {value:.4f}" for name, value in self.values.items())


def require_finite_loss(measured: Score) -> None:
    """NumericalError for a model whose loss is not finite: it predicts nothing."""
    loss = measured.values["loss"]
    if not math.isfinite(loss):
        raise NumericalError(
            f"The model's {measured.part} loss is {loss}: its parameters or the rows are too large. Train it again "
            "with a lower learning rate, or scale the inputs as in training."
        )


def score(trainer: Trainer, parts: Partition) -> Score:
    """The trainer measured on rows it has not seen, where the config holds some out."""
    parts_by_name = {"test": parts.test, "validation": parts.validation, "train": parts.train}
    part, rows = next((part, rows) for part in MEASURED if (rows := parts_by_name[part]) is not None)
    return Score.of(trainer, part, *rows)
