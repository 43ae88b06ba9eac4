"""Exporter to JavaScript: what a model predicts as one module without imports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, final

from bpframe.export.javascript.module import js_module
from bpframe.export.predictor import predictor_of
from bpframe.training.trainer import Trainer


@final
@dataclass(frozen=True)
class JavaScriptExporter:
    """Functions `predict`, `scores`, `predictLabels`, `run` and `selfTest`, a row at a time."""

    suffixes: ClassVar[tuple[str, ...]] = (".mjs", ".js")

    def content(self, trainer: Trainer, metadata: Mapping[str, str]) -> bytes:
        """The bytes of the file, the same for the same model."""
        return js_module(predictor_of(trainer, metadata)).encode()
