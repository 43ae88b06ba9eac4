"""Front of the room: export a trained model to a file, in the form that its suffix says."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bpframe.errors import ConfigError
from bpframe.protocols import Exporter
from bpframe.registry import Spec, build, by_suffix
from bpframe.saving.atomic import write_file
from bpframe.training.trainer import Trainer


def export(
    trainer: Trainer,
    path: str | os.PathLike[str],
    *,
    exporter: Spec | None = None,
    force: bool = False,
    metadata: Mapping[str, str] | None = None,
    **settings: Any,
) -> Path:
    """Write what a trainer predicts to a file that needs no bpframe; the path of the file.

    The suffix says in which form, or `exporter` by name; `settings` are its arguments: bp.export(trainer, "m.onnx",
    opset=22). `metadata`: texts to go with it. The file is complete or absent. ConfigError for a file that exists,
    unless `force`, and for a suffix that nobody writes; IncompatibleComponent names a component that draws, looks at
    values or needs the host, which no form can hold.
    """
    if not isinstance(trainer, Trainer):
        raise ConfigError(
            f"export needs a Trainer, got {type(trainer).__name__}. For a pipeline of scikit-learn: skl2onnx."
        )
    target = Path(path)
    writer = exporter_of(target, exporter, settings)
    refuse_existing(target, force)
    write_file(target, writer.content(trainer, dict(metadata or {})))
    return target


def exporter_of(path: Path, exporter: Spec | None, settings: Mapping[str, Any]) -> Exporter:
    """The exporter of a specification; without one that which writes files of such a name."""
    if exporter is None:
        claims = by_suffix.claims("exporter", path.name.lower())
        if len(claims) != 1:
            names = ", ".join(by_suffix.known_suffixes("exporter"))
            got = " and ".join(f"'{claim.ref}'" for claim in claims) or f"'{path.suffix}'"
            raise ConfigError(f"export needs a path that ends in one of {names}, got {got} for '{path}'.")
        exporter = claims[0].ref
    made: Exporter = build("exporter", exporter, **settings)
    return made


def refuse_existing(path: Path, force: bool) -> None:
    """ConfigError for a file that is there, unless it may be replaced."""
    if path.exists() and not force:
        raise ConfigError(f"'{path}' exists. Choose another path, or replace it with force=True (--force).")
