"""The history of a run as a file: a line of JSON an epoch, whole lines alone, on the disk soon after it is written."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, final

from bpframe.saving.atomic import reraise_as_checkpoint_error, write_file
from bpframe.saving.json_values import to_json

SYNC_SECONDS = 0.1  # a flush to the disk takes milliseconds, as long as many epochs of a small model


@final
class HistoryFile:
    """Appends records, a line each; CheckpointError if that fails.

    A line is with the operating system once it is appended, so it outlasts the process, and on the disk at most
    `SYNC_SECONDS` of training later, so that a loss of power costs the epochs of that time; `sync` waits for all.
    """

    def __init__(self, path: Path) -> None:
        self.path, self._synced = path, 0.0

    def append(self, records: Iterable[dict[str, Any]]) -> None:
        """Write these behind what is there."""
        lines = _lines(records)
        with reraise_as_checkpoint_error(self.path), self.path.open("a", encoding="utf-8") as file:
            file.write(lines)
            file.flush()
            if time.monotonic() - self._synced > SYNC_SECONDS:
                os.fsync(file.fileno())
                self._synced = time.monotonic()

    def replace(self, records: Iterable[dict[str, Any]]) -> None:
        """Have these in the place of what is there, which stays until they are all written."""
        write_file(self.path, _lines(records))

    def sync(self) -> None:
        """Return when everything is on the disk."""
        if self.path.exists():
            with reraise_as_checkpoint_error(self.path), self.path.open("ab") as file:
                os.fsync(file.fileno())

    def cut_to_whole_lines(self) -> int:
        """The number of lines, after removing an incomplete last one."""
        with reraise_as_checkpoint_error(self.path), self.path.open("ab+") as file:
            file.seek(0)
            written = file.read()
            file.truncate(written.rfind(b"\n") + 1)
        return written.count(b"\n")

    def records(self) -> list[dict[str, Any]]:
        """The records of all whole lines; none if there is no file."""
        try:
            text = self.path.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return []
        found = [_record(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]
        return [record for record in found if record is not None]


def _lines(records: Iterable[dict[str, Any]]) -> str:
    return "".join(to_json(record) + "\n" for record in records)


def _record(line: str) -> dict[str, Any] | None:
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) else None
