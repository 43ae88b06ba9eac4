"""Exporter to ONNX: what a model predicts, or one step of its training, as a file of core operators."""

from __future__ import annotations

import base64
import json
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, final

import numpy as np

from bpframe import checks
from bpframe.errors import ConfigError, TrainingWarning
from bpframe.export.predictor import predictor_of
from bpframe.export.step_recording import StepGraph, step_graph_of, step_settings
from bpframe.protocols.traits import amplifies_rounding
from bpframe.registry import registry
from bpframe.registry.describe import short_name
from bpframe.registry.nested import walk
from bpframe.training.trainer import Trainer
from bpframe.types import HostArray


@final
@dataclass(frozen=True)
class OnnxExporter:
    """Rows x to scores, predictions and labels, in operators of ONNX's own domain; rows of a batch are open.

    `opset`: 21 or newer. Metadata hold the model's definition and, of a run, its lock. `parameters` "inputs": they are
    inputs of the graph, by the names of their tensors, to predict with those of a training step.
    `train`: not what is predicted but one training step, from x, target, weight (B,), step, settings, key, parameters
    and states to loss, penalty and `next/...` of parameters and states. Metadata hold what these are before the first
    step, and the settings of the first `steps` steps of a run of that length.
    """

    opset: int = 21
    train: bool = False
    steps: int = 1
    parameters: Literal["constants", "inputs"] = "constants"
    suffixes: ClassVar[tuple[str, ...]] = (".onnx",)

    def __post_init__(self) -> None:
        checks.whole("onnx", 21, opset=self.opset)
        checks.whole("onnx", 1, steps=self.steps)
        checks.one_of("onnx", ("constants", "inputs"), parameters=self.parameters)
        if self.steps != 1 and not self.train:
            raise ConfigError(f"onnx needs train=True (--train) beside steps={self.steps}. Predictions have no steps.")

    def content(self, trainer: Trainer, metadata: Mapping[str, str]) -> bytes:
        """The bytes of the file, the same for the same model."""
        try:
            from bpframe.export.onnx.lowering import onnx_model  # loads the package onnx, which only a file needs
        except ModuleNotFoundError as missing:
            raise ConfigError(f'{missing}, which .onnx needs. Install it: pip install "bpframe[onnx]".') from missing
        if self.train:
            _warn_of_rounding(trainer)
            step = step_graph_of(trainer, self.steps)
            proto = onnx_model(step.graph, self.opset, {}, {**metadata, **self._step_metadata(trainer, step)})
        else:
            model = predictor_of(trainer, metadata, open_parameters=self.parameters == "inputs")
            proto = onnx_model(model.graph, self.opset, model.classes, model.metadata)
        return bytes(proto.SerializeToString(deterministic=True))

    def _step_metadata(self, trainer: Trainer, step: StepGraph) -> dict[str, str]:
        """Texts in JSON: initial values by the names of inputs, and the names and the table of settings."""
        table = step_settings(trainer, self.steps).tolist()
        initial = {name: _as_json(np.asarray(value)) for name, value in step.initial.items()}
        settings = {"names": list(step.settings), "table": table}
        return {"bpframe.initial": json.dumps(initial), "bpframe.settings": json.dumps(settings)}


def _warn_of_rounding(trainer: Trainer) -> None:
    """TrainingWarning for rules of whose trainings in this precision no two stay alike."""
    dtype = trainer.task.dtype
    if names := dict.fromkeys(_amplifying(trainer, dtype)):
        warnings.warn(
            f"{' and '.join(names)} makes rounding large in {dtype}: a training by this step begins as on engine "
            "numpy, and ends as far from it as one there whose start differs by the last bit.",
            TrainingWarning,
            stacklevel=5,  # the line that called bp.export
        )


def _amplifying(trainer: Trainer, dtype: str) -> Iterator[str]:
    """The names of rules, and rules inside them, that amplify rounding in this dtype."""
    for rule in trainer.spec.rules():
        for _, kind, part in walk("optimizer", rule):
            if kind == "optimizer" and dtype in amplifies_rounding(part):
                yield short_name(registry, kind, part)


def _as_json(value: HostArray) -> dict[str, object]:
    """dtype, shape, and the bytes in row-major order as base64."""
    return {"dtype": value.dtype.name, "shape": value.shape, "data": base64.b64encode(value.tobytes()).decode()}
