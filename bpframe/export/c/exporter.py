"""Exporter to C: what a model predicts as one header in C99, without allocation, with math.h alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, final

from bpframe.errors import ConfigError
from bpframe.export.c.header import c_header
from bpframe.export.predictor import predictor_of
from bpframe.training.trainer import Trainer


@final
@dataclass(frozen=True)
class CExporter:
    """Functions PREFIX_run, PREFIX_predict and PREFIX_self_test, a row at a time; `prefix` of all names in the file."""

    prefix: str = "model"
    suffixes: ClassVar[tuple[str, ...]] = (".h",)

    def __post_init__(self) -> None:
        if not (self.prefix.isidentifier() and self.prefix.isascii()):
            raise ConfigError(f"c needs a name of C as prefix, got {self.prefix!r}.")

    def content(self, trainer: Trainer, metadata: Mapping[str, str]) -> bytes:
        """The bytes of the file, the same for the same model."""
        return c_header(predictor_of(trainer, metadata), self.prefix).encode()
