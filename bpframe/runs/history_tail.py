"""The tail of a history file that another process writes: what is new since the last look."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, final


@final
class HistoryTail:
    """Reads a history file as it grows, each line once.

    A resumed run writes its history anew in the place of the old one: then all of it is new, and `anew` says so.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: tuple[int, int] | None = None  # device and number of the file that was read
        self._read = 0  # bytes of whole lines
        self.anew = False

    def records(self) -> list[dict[str, Any]]:
        """The records of lines that are whole and new; none where there is no file."""
        self.anew = False
        try:
            with self._path.open("rb") as file:
                known = os.fstat(file.fileno())
                if (known.st_dev, known.st_ino) != self._file or known.st_size < self._read:
                    self.anew, self._read = self._read > 0, 0
                    self._file = known.st_dev, known.st_ino
                file.seek(self._read)
                content = file.read()
        except OSError:
            return []
        whole = content[: content.rfind(b"\n") + 1]
        self._read += len(whole)
        return [record for line in whole.splitlines() if (record := _record(line)) is not None]


def _record(line: bytes) -> dict[str, Any] | None:
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) else None
