"""The file of a study's trials: what the study is in the first line, then a line of JSON a trial.

A line is whole or absent, so a study that is killed loses the trials that ran, and no other; the same study goes on
with what is left. A file that is complete has its trials in the order of the study, however they ran.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, final

from bpframe.errors import ConfigError
from bpframe.runs.history_file import HistoryFile
from bpframe.runs.process_lock import file_lock
from bpframe.saving.environment import versions
from bpframe.saving.json_values import to_json

Record = dict[str, Any]


@final
class TrialFile:
    """The trials of one study in a file, each under a key, a mapping of plain values."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._lines = HistoryFile(self.path)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Be the one process that writes the file inside the block; ConfigError where another one does."""

        def refusal(holder: str) -> str:
            return (
                f"{self.path} needs one process at a time, but {holder} writes it. Wait until it ends, or give another "
                "--out."
            )

        self.path.parent.mkdir(parents=True, exist_ok=True)
        with file_lock(self.path.with_name(f"{self.path.name}.pid"), refusal):
            yield

    def open(self, definition: Mapping[str, Any]) -> None:
        """Begin the file, or go on with that of the same study; ConfigError where it is of another one."""
        wanted = json.loads(to_json({**definition, "versions": versions()}))
        if self.path.exists():
            self._lines.cut_to_whole_lines()
        found = self._lines.records()
        if not found and self.path.exists() and self.path.stat().st_size:
            raise ConfigError(f"{self.path} needs to be the file of a study, but is another file. Give another --out.")
        if found and found[0] != wanted:
            raise ConfigError(
                f"{self.path} is of another study: {'; '.join(_differences(found[0], wanted))}. Give another --out, or "
                "remove it."
            )
        if not found:
            self._lines.append([wanted])

    def append(self, record: Record) -> None:
        """Add the record of a trial, which has its key in "trial"."""
        self._lines.append([record])

    def missing(self, keys: Iterable[Mapping[str, Any]]) -> list[int]:
        """The numbers of the keys that have no record yet."""
        there = {key_text(record["trial"]) for record in self.records()[1:]}
        return [i for i, key in enumerate(keys) if key_text(key) not in there]

    def sort(self, keys: Sequence[Mapping[str, Any]]) -> None:
        """Have the records of these keys in their order, behind the first line; others after them."""
        order = {key_text(key): i for i, key in enumerate(keys)}
        first, *trials = self.records()
        ordered = sorted(trials, key=lambda record: order.get(key_text(record["trial"]), len(order)))
        if ordered != trials:
            self._lines.replace([first, *ordered])
        self._lines.sync()

    def records(self) -> list[Record]:
        """The first line, which says what the study is, and the record of each trial, the first of several."""
        first, *trials = self._lines.records() or [{}]
        by_key: dict[str, Record] = {}
        for record in trials:
            by_key.setdefault(key_text(record["trial"]), record)
        return [first, *by_key.values()] if first else []


def key_text(key: Mapping[str, Any]) -> str:
    """A key as text that is the same for equal keys."""
    return json.dumps(json.loads(to_json(dict(key))), sort_keys=True)


def without_times(record: Mapping[str, Any]) -> Record:
    """What two runs of the same trial on one machine have in common: all but its "seconds"."""
    return {name: value for name, value in record.items() if name != "seconds"}


def _differences(found: Record, wanted: Record) -> list[str]:
    """The names of what differs, with both values where they are short."""
    names = [name for name in {**found, **wanted} if found.get(name) != wanted.get(name)]
    pairs = {name: (str(found.get(name)), str(wanted.get(name))) for name in names}
    return [
        f"its {name} is {then}, now {now}" if len(then) + len(now) < 100 else f"its {name} differs"
        for name, (then, now) in pairs.items()
    ]
