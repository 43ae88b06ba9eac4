"""The callback history_table: the history of a run as a table of polars, written to a file."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bpframe.plugin import ConfigError, RunState, checks, hookimpl

WRITERS = {".parquet": "write_parquet", ".csv": "write_csv", ".json": "write_json"}


@dataclass(frozen=True)
class HistoryTable:
    """A row for each epoch, a column for each curve, in a file: .parquet, .csv or .json.

    `file`: where it is written, when the fit ends, by an error too; the folder must be there. `every`: how many epochs
    lie between two times that it is written before. Numbers are float64, an epoch without a value has none.
    """

    file: str | os.PathLike[str] = "history.parquet"
    every: int | None = None

    def __post_init__(self) -> None:
        checks.positive("history_table", every=self.every)
        if Path(self.file).suffix not in WRITERS:
            known = ", ".join(WRITERS)
            raise ConfigError(f"history_table needs a file that ends in {known}, got {os.fspath(self.file)!r}.")

    @hookimpl
    def bpframe_epoch_end(self, state: RunState) -> None:
        """Written where it is time."""
        if self.every is not None and (state.epoch + 1) % self.every == 0:
            self._write(state)

    @hookimpl
    def bpframe_fit_end(self, state: RunState) -> None:
        """Written."""
        self._write(state)

    @hookimpl
    def bpframe_exception(self, state: RunState) -> None:
        """Written, with the epochs so far."""
        self._write(state)

    def _write(self, state: RunState) -> None:
        import polars  # takes a while to import, and is needed now

        rows: list[dict[str, Any]] = [dict(row) for row in state.history]
        table = polars.DataFrame(rows, infer_schema_length=None)
        file = Path(self.file)
        beside = file.with_name(f".{file.name}.new")
        getattr(table, WRITERS[file.suffix])(beside)
        os.replace(beside, file)  # at no time is it half a table
