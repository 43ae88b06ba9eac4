"""A logger that writes a CSV file."""

from __future__ import annotations

import csv
import io
import itertools
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from tempfile import gettempdir
from typing import Any, ClassVar, final

from bpframe.plugin import CheckpointError, RunState, hookimpl


@final
@dataclass(frozen=True)
class CsvLogger:
    """Writes the history to the CSV `file`: a row an epoch, at its end, under the names of `history.keys()`.

    Numbers have every digit, what has no value is empty. A file that is there when a new trainer starts stays, as
    earlier-1-NAME, earlier-2-NAME, ...; a further fit, and one that goes on from a checkpoint, write the epochs before
    again, so that the file always is that of the whole history.
    """

    file: str | os.PathLike[str]
    rewinds: ClassVar[bool] = True

    @classmethod
    def example_configs(cls) -> list[dict[str, Any]]:
        """For the checks: a file among those that the system removes."""
        return [{"file": os.path.join(gettempdir(), f"bpframe-{os.getpid()}.csv")}]

    @hookimpl
    def bpframe_fit_start(self, state: RunState) -> None:
        """Set aside what another trainer has left; write the epochs so far."""
        path = Path(self.file)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.is_dir():
                raise IsADirectoryError("it is a folder")
            if path.exists() and not state.start and not state.resumed:
                free = (path.with_name(f"earlier-{i}-{path.name}") for i in itertools.count(1))
                path.rename(next(place for place in free if not place.exists()))
        except OSError as error:
            raise _failure(path, error) from error
        self._write(state)

    @hookimpl
    def bpframe_epoch_end(self, state: RunState) -> None:
        """Append the row; write all again where there is a new column."""
        names = state.history.keys()
        if len(state.history) == 1 or names != state.memory.get("columns"):
            self._write(state)
        else:
            self._put([state.history.row(-1).values()], "a")

    def _write(self, state: RunState) -> None:
        """The whole history."""
        state.memory["columns"] = names = state.history.keys()
        self._put([names, *(row.values() for row in state.history)] if len(state.history) else [], "w")

    def _put(self, rows: Iterable[Iterable[Any]], mode: str) -> None:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([_cell(value) for value in row] for row in rows)
        try:
            with open(self.file, mode, encoding="utf-8", newline="") as opened:
                opened.write(text.getvalue())
        except OSError as error:
            raise _failure(self.file, error) from error


def _cell(value: Any) -> Any:
    """Empty for None and NaN."""
    return "" if value is None or value != value else value


def _failure(path: str | os.PathLike[str], error: OSError) -> CheckpointError:
    return CheckpointError(f"csv_logger needs a file to write to, {os.fspath(path)}: {error}.")
