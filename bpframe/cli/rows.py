"""Rows of another file for a trained model: those to predict, and those to measure it on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from bpframe.data.sources.files import read_rows, table_header
from bpframe.data.sources.formats import source_of
from bpframe.data.sources.selection import Rows
from bpframe.protocols import Source
from bpframe.protocols.traits import holds_arrays
from bpframe.runs.config.data_sources import FileSource
from bpframe.runs.config.schema import DataTable
from bpframe.training.trainer import Trainer


def rows_to_predict(file: Path, data: DataTable, trainer: Trainer, id_column: str | None) -> tuple[Rows, str]:
    """The rows of a file, whose target may be missing, and the name of its ids."""
    reader = _reader(file, data)
    selection = data.selection(lenient=True)
    if id_column is None and data.id is not None and not holds_arrays(reader):
        id_column = data.id if data.id in table_header(file, reader) else None
    if id_column is not None or not holds_arrays(reader):
        selection = replace(selection, id=id_column)
    else:
        selection = replace(selection, columns=None, exclude=(), id=None)
    return read_rows(file, selection, reader), id_column or ""


def rows_to_measure(file: Path, data: DataTable, trainer: Trainer, target: str | None) -> Rows:
    """The rows of a file with labels or numbers, by default from the column on which the model was trained."""
    reader = _reader(file, data)
    if holds_arrays(reader):
        return read_rows(file, replace(data.selection(), target=target, columns=None, exclude=(), id=None), reader)
    selection = replace(data.selection(text=_text_labels(trainer)), target=target or data.target)
    return read_rows(file, selection, reader)


def _reader(file: Path, data: DataTable) -> Source:
    """The source of the config, with its settings, where it reads such files; else that of the suffix."""
    if isinstance(data.source, FileSource) and file.name.lower().endswith(tuple(data.source.reader.suffixes)):
        return data.source.reader
    return source_of(file)


def _text_labels(trainer: Trainer) -> bool:
    classes: Any = trainer.task.learned.get("classes")
    return classes is not None and np.asarray(classes).dtype.kind == "U"
