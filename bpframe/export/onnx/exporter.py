"""Exporter to ONNX: what a model predicts as one file of core operators, for onnxruntime and others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, final

from bpframe import checks
from bpframe.export.predictor import predictor_of
from bpframe.training.trainer import Trainer


@final
@dataclass(frozen=True)
class OnnxExporter:
    """Rows x to scores, predictions and labels, in operators of ONNX's own domain; rows of a batch are open.

    `opset`: 21 or newer. Metadata hold the model's definition and, of a run, its lock.
    """

    opset: int = 21
    suffixes: ClassVar[tuple[str, ...]] = (".onnx",)

    def __post_init__(self) -> None:
        checks.whole("onnx", 21, opset=self.opset)

    def content(self, trainer: Trainer, metadata: Mapping[str, str]) -> bytes:
        """The bytes of the file, the same for the same model."""
        try:
            from bpframe.export.onnx.lowering import onnx_model  # loads the package onnx, which only a file needs
        except ModuleNotFoundError as missing:
            raise ModuleNotFoundError(f'{missing}. Install it: pip install "bpframe[onnx]"') from missing
        model = predictor_of(trainer, metadata)
        proto = onnx_model(model.graph, self.opset, model.classes, model.metadata)
        return bytes(proto.SerializeToString(deterministic=True))
