"""The file of a comparison that a command is about: named, or the one in a folder that holds no run."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import click

from bpframe.errors import ConfigError
from bpframe.runs.run_search import has_run
from bpframe.saving.atomic import reraise_as_checkpoint_error
from bpframe.studies.trial_file import Record, TrialFile


def comparison_file(paths: Sequence[Path]) -> Path | None:
    """The file; None where runs are asked for. click.BadParameter for a folder that has several."""
    if len(paths) > 1:
        return None
    (path,) = paths
    if path.is_file():
        return path
    if not path.is_dir() or has_run(path):
        return None
    found = [file for file in sorted(path.glob("*.jsonl")) if _study(file) == "comparison"]
    if len(found) > 1:
        names = ", ".join(file.name for file in found)
        raise click.BadParameter(f"'{path}' holds several comparisons: {names}. Name one of them.")
    return found[0] if found else None


def comparison_records(file: Path) -> list[Record]:
    """The records of a file; ConfigError for one that is of no comparison."""
    study = _study(file)
    if study != "comparison":
        of = "a sweep, whose table `bpframe sweep` prints" if study == "sweep" else "something else"
        raise ConfigError(f"report needs runs, or the file of trials of a comparison, but {file} is of {of}.")
    return TrialFile(file).records()


def _study(file: Path) -> str | None:
    """What the first line says the file is of; None where it says nothing."""
    with reraise_as_checkpoint_error(file):
        first = next(islice(TrialFile(file).records(), 1), {})
    return first.get("study")
