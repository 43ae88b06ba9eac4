"""Exporter to Python: what a model predicts as a source file that needs NumPy alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, final

from bpframe.export.predictor import predictor_of
from bpframe.export.python.source import python_source
from bpframe.training.trainer import Trainer
from bpframe.version import VERSION


@final
@dataclass(frozen=True)
class PythonExporter:
    """Functions `predict`, `scores`, `predict_labels` and `self_test` in one file; rows of a batch are open."""

    suffixes: ClassVar[tuple[str, ...]] = (".py",)

    def content(self, trainer: Trainer, metadata: Mapping[str, str]) -> bytes:
        """The bytes of the file, the same for the same model."""
        return python_source(predictor_of(trainer, metadata), "model", VERSION).encode()
