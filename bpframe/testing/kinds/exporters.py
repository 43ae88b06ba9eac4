"""The laws of exporters: bytes that are those of the model alone, and a model that stays as it is."""

from __future__ import annotations

from functools import partial

import numpy as np

from bpframe.network.network import Network
from bpframe.protocols import Exporter
from bpframe.registry import build
from bpframe.testing.laws.comparison import require
from bpframe.testing.report import Check
from bpframe.training.trainer import Trainer

METADATA = {"bpframe": "a text that goes with the model"}


def exporter_checks(exporter: Exporter) -> dict[str, Check]:
    """The checks by name."""
    return {
        "suffixes": partial(_suffixes, exporter),
        "bytes": partial(_bytes, exporter),
        "same bytes": partial(_same_bytes, exporter),
        "model": partial(_model, exporter),
    }


def _trainer(seed: int) -> Trainer:
    """A network of two layers, trained a little."""
    layers = [build("layer", {"name": "dense", "units": 4, "activation": "tanh"}), build("layer", "dense", units=2)]
    trainer = Trainer(Network(layers), "mse", "sgd", seed=seed)
    x = np.random.default_rng(0).normal(size=(8, 3))
    trainer.fit(x, x[:, :2], epochs=1, verbose=0)
    return trainer


def _suffixes(exporter: Exporter) -> None:
    """Ends of names in lower case, each with its dot."""
    suffixes = exporter.suffixes
    right = all(isinstance(each, str) and each.startswith(".") and each == each.lower() for each in suffixes)
    require(suffixes and isinstance(suffixes, tuple) and right, f"suffixes must be as in ('.onnx',), got {suffixes!r}")


def _bytes(exporter: Exporter) -> None:
    content = exporter.content(_trainer(0), METADATA)
    require(isinstance(content, bytes) and content, f"content must give the bytes of a file, got {content!r:.60}")


def _same_bytes(exporter: Exporter) -> None:
    """The same for an equal model, others for another."""
    trainer = _trainer(0)
    first = exporter.content(trainer, METADATA)
    require(exporter.content(trainer, dict(METADATA)) == first, "the same model must give the same bytes, twice")
    require(exporter.content(_trainer(0), METADATA) == first, "a model trained alike must give the same bytes")
    require(exporter.content(_trainer(1), METADATA) != first, "a model with other parameters must give other bytes")


def _model(exporter: Exporter) -> None:
    """Exporting changes no parameter."""
    trainer = _trainer(0)
    before = {name: array.copy() for name, array in trainer.parameters.items()}
    exporter.content(trainer, METADATA)
    changed = [name for name, array in trainer.parameters.items() if not np.array_equal(array, before[name])]
    require(not changed, f"content must not change the model, but {', '.join(changed)} changed")
