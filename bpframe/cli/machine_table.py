"""The thread table of this machine, in the user's folder for caches: written by `bpframe tune`, read by training."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from bpframe.engine.numpy.thread_table import ThreadTable, current_default
from bpframe.ops.thread_team import LEAST
from bpframe.saving.atomic import write_file
from bpframe.saving.cache_folder import cache_folder
from bpframe.saving.environment import machine

ENGINE, NUMPY = "train.engine", "bpframe/numpy"  # its path in a lock, and the name of one that has a table
MACHINE = ("cpu", "blas", "kernel", "threads")  # on which a table depends


def table_file() -> Path:
    """Where the table of this machine is, if there is one: a home folder may be that of several machines."""
    known = machine()
    here = json.dumps({name: known.get(name) for name in MACHINE})
    return cache_folder() / "threads" / f"{hashlib.blake2b(here.encode(), digest_size=8).hexdigest()}.json"


def write_table(file: Path, table: ThreadTable) -> None:
    """Keep it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    write_file(file, json.dumps(table._asdict()) + "\n")


def machine_table() -> ThreadTable | None:
    """That of this machine; None where none was measured."""
    if not (cache_folder() / "threads").is_dir():
        return None
    with suppress(OSError, ValueError):
        return _table(json.loads(table_file().read_text(encoding="utf-8")))
    return None


def table_of_lock(lock: Mapping[str, Any]) -> ThreadTable | None:
    """That of the engine which a lock holds; None where it has none of its own."""
    engines = [entry.get("arguments", {}) for entry in lock["components"] if entry["path"] == ENGINE]
    return _table(engines[0]) if engines else None


def with_default_table(entries: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The components of a lock, where engine numpy has the table that it would be built with."""
    table = current_default()
    return [
        {**entry, "arguments": {**table._asdict(), **entry.get("arguments", {})}}
        if table is not None and entry["path"] == ENGINE and entry["name"] == NUMPY
        else dict(entry)
        for entry in entries
    ]


def _table(found: Any) -> ThreadTable | None:
    known = found if isinstance(found, Mapping) else {}
    values = [value for name in ThreadTable._fields if type(value := known.get(name)) is int and value >= LEAST]
    return ThreadTable(*values) if len(values) == len(ThreadTable._fields) else None
