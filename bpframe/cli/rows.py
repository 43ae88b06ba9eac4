"""Rows of another file for a trained model: those to predict, and those to measure it on."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numpy as np

from bpframe.data.sources.cells import listing
from bpframe.data.sources.files import naming_file, read_rows, table_header
from bpframe.data.sources.formats import source_of, unpacked_suffix
from bpframe.data.sources.selection import Rows, Selection, column_list
from bpframe.data.target_gaps import columns_with_gaps
from bpframe.protocols import Source
from bpframe.protocols.traits import holds_arrays
from bpframe.runs.config.data_sources import FileSource
from bpframe.runs.config.schema import DataTable
from bpframe.training.trainer import Trainer


def rows_to_predict(file: Path, data: DataTable, trainer: Trainer, id_column: str | None) -> tuple[Rows, str]:
    """The rows of a file, whose target may be missing, and the name of its ids."""
    reader = _reader(file, data)
    if holds_arrays(reader):
        return read_rows(file, Selection(id=id_column, lenient=True), reader), ""
    names = table_header(file, reader)
    kept = id_column or (data.id if data.id in names else None)
    selection = replace(_selection(data, trainer, names), id=kept, lenient=True)
    return read_rows(file, replace(selection, gaps=selection.targets), reader), kept or ""


def rows_to_measure(file: Path, data: DataTable, trainer: Trainer, target: str | None) -> Rows:
    """The rows of a file with labels or numbers, by default from the column on which the model was trained.

    They have weights if the file has the column of weights.
    """
    reader = _reader(file, data)
    if holds_arrays(reader):
        return read_rows(file, Selection(target, weight=data.weight), reader)
    names = table_header(file, reader)
    weight = data.weight if data.weight in names else None
    known = _selection(data, trainer, names, target)
    selection = replace(known, target=target or data.target, id=None, weight=weight)
    gaps = columns_with_gaps(trainer.spec.loss, selection.targets)
    return read_rows(file, replace(selection, text=_text_labels(trainer), gaps=gaps), reader)


def errors_of(file: Path, data: DataTable) -> AbstractContextManager[None]:
    """A block in which errors about the rows of a file name it."""
    return naming_file(file, _reader(file, data))


def _selection(data: DataTable, trainer: Trainer, names: Sequence[str], target: str | None = None) -> Selection:
    """The columns that the model was trained on, where it knows their names; a note names those that it does not."""
    known = trainer.task.columns
    if known is None:
        return data.selection()
    aside = {*known, target, *column_list(data.target), data.id, data.weight, *(data.exclude or ())}
    if extra := [name for name in names if name not in aside]:
        click.echo(f"left out: {listing(extra)}, which the model was not trained on", err=True)
    return Selection(data.target, known)


def _reader(file: Path, data: DataTable) -> Source:
    """The source of the config, with its settings, where it reads such files; else that of the suffix."""
    if not isinstance(data.source, FileSource):
        return source_of(file)
    known = (*data.source.reader.suffixes, unpacked_suffix(data.source.path))
    return data.source.reader if unpacked_suffix(file) in known else source_of(file)


def _text_labels(trainer: Trainer) -> bool:
    classes: Any = trainer.task.learned.get("classes")
    return classes is not None and np.asarray(classes).dtype.kind == "U"
