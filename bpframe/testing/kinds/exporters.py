"""The laws of exporters: a file of bytes, the same for the same model, and suffixes that name such files."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from bpframe.network.network import Network
from bpframe.protocols import Exporter
from bpframe.registry import build
from bpframe.testing.laws.comparison import require
from bpframe.testing.report import Check
from bpframe.training.trainer import Trainer

ROWS, N, C = 12, 4, 3


def exporter_checks(exporter: Exporter) -> dict[str, Check]:
    """The checks by name."""
    return {
        "suffixes": partial(_suffixes, exporter),
        "content": partial(_content, exporter),
        "determinism": partial(_determinism, exporter),
    }


def _trainer(seed: int = 0) -> Trainer:
    layers: list[Any] = [build("layer", {"name": "dense", "units": C})]
    trainer = Trainer(Network(layers), "softmax_cross_entropy", seed=seed)
    trainer.fit(np.random.default_rng(0).normal(size=(ROWS, N)), np.arange(ROWS) % C, epochs=1, verbose=0)
    return trainer


def _suffixes(exporter: Exporter) -> None:
    """Ends of names of files, in lower case."""
    found = exporter.suffixes
    fits = isinstance(found, tuple) and found and all(s.startswith(".") and s == s.lower() for s in found)
    require(fits, f'suffixes must be ends of names in lower case, as (".onnx",), got {found!r}')


def _content(exporter: Exporter) -> None:
    """Bytes, others for another model."""
    first, other = (exporter.content(_trainer(seed), {}) for seed in (0, 1))
    require(isinstance(first, bytes) and first, f"content must give the bytes of a file, got {type(first).__name__}")
    require(first != other, "content must depend on the parameters of the model")


def _determinism(exporter: Exporter) -> None:
    """The same bytes for the same model."""
    require(exporter.content(_trainer(), {}) == exporter.content(_trainer(), {}), "content must repeat its bytes")
