"""Import faults: what importing a component costs, touches and breaks, each distribution in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bpframe.cli.doctor.finding import Finding
from bpframe.registry import Provider
from bpframe.registry.import_probe import DONE, PROGRAM, STARTED

SECONDS, MEGABYTES = 1.0, 100.0  # of an import, above which it is named
ADVICE = "Do it in a function, when it is needed."
Record = dict[str, Any]


def import_records(providers: Sequence[Provider], seconds: float) -> list[Record]:
    """What the import of each component does; one that ends the process, or takes longer than `seconds`, says so."""
    records: list[Record] = []
    waiting = list(providers)
    while waiting:
        found, end = _probe(waiting, seconds)
        records += found
        waiting = waiting[len(found) :]
        if waiting and end is not None:
            records.append({**_words(waiting.pop(0)), "died": end})
    return records


def _probe(providers: Sequence[Provider], seconds: float) -> tuple[list[Record], str | None]:
    """(the records of one process, how it ended before its time, or None)."""
    with tempfile.TemporaryDirectory() as folder:
        record = Path(folder) / "record"
        record.touch()
        path = [os.path.abspath(place) for place in sys.path]  # an empty one means this folder
        given = {"path": path, "targets": [_words(p) for p in providers], "record": str(record)}
        with open(Path(folder) / "output", "wb") as output:
            command = [sys.executable, "-P", "-W", "default", "-c", PROGRAM]
            end = _run(command, json.dumps(given).encode(), output, folder, seconds)
        lines = [json.loads(line) for line in record.read_text(encoding="utf-8").splitlines()]
        printed = (Path(folder) / "output").read_text(encoding="utf-8", errors="replace").strip().splitlines()
    done = [line for line in lines if line["at"] == DONE]
    if not any(line["at"] == STARTED for line in lines):
        raise RuntimeError(f"the process of the doctor does not start: {' '.join(printed[-1:])}")
    return done, end


def _run(command: list[str], given: bytes, output: Any, folder: str, seconds: float) -> str | None:
    try:
        done = subprocess.run(
            command, input=given, stdout=output, stderr=output, cwd=folder, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired:
        return f"it is not over after {seconds:g} s"
    if done.returncode < 0:
        import signal

        return f"it ends the process by {signal.Signals(-done.returncode).name}"
    return f"it ends the process with exit code {done.returncode}"


def _words(provider: Provider) -> dict[str, str]:
    return {"kind": provider.kind, "name": provider.name, "target": provider.target}


def import_faults(dist: str, record: Record) -> Iterator[Finding]:
    """What one record says."""
    who = f"importing {record['kind']} '{record['name']}' ({record['target']})"
    if "died" in record:
        name = "endless import" if "not over" in record["died"] else "crash"
        yield Finding(dist, name, f"{who}: {record['died']}", "Tell its author.")
        return
    if record["error"]:
        exits = record["error"].startswith("SystemExit")
        yield Finding(dist, "exit on import" if exits else "broken import", f"{who}: {record['error']}", _mend(record))
    yield from _wrong_kind(dist, record)
    for part, what in record["touched"]:
        traces = f" ({what})" if what else ""
        left = "leaves" if part in ("threads", "child processes", "open files", "functions at exit") else "changes"
        serious = part != "functions at exit"  # which many libraries need
        yield Finding(dist, f"{left} {part}", f"{who} {left} {part} of the process{traces}", ADVICE, serious)
    if record["printed"]:
        yield Finding(dist, "prints", f"{who} prints {record['printed']} bytes", ADVICE)
    for said in record["warnings"][:1]:
        yield Finding(dist, "warns", f"{who} warns: {said}", "Mend what it warns of.", serious=False)
    yield from _costs(dist, who, record)


def _costs(dist: str, who: str, record: Record) -> Iterator[Finding]:
    for package, modules in record["packages"].items():
        text = f"{who} loads {modules} modules of {package}"
        yield Finding(dist, "heavy modules", text, "Import them in the function that needs them.", serious=False)
    if record["seconds"] > SECONDS:
        yield Finding(dist, "slow import", f"{who} takes {record['seconds']:.1f} s of CPU", ADVICE, serious=False)
    if record["megabytes"] > MEGABYTES:
        yield Finding(dist, "memory", f"{who} takes {record['megabytes']:.0f} MB", ADVICE, serious=False)


def _wrong_kind(dist: str, record: Record) -> Iterator[Finding]:
    if "callable" not in record:
        return
    what = f"{record['kind']} '{record['name']}' ({record['target']})"
    if not record["callable"]:
        text = f"{what} is no class and no function, but {record['type']}"
        yield Finding(dist, "no component", text, "Its entry point must name a class.")
    elif record["missing"]:
        others = f"; it has what {_a(record['others'][0])} has" if record["others"] else ""
        text = f"{what} lacks {', '.join(record['missing'])}, which every {record['kind']} must have{others}"
        group = "Put it into the group of that kind." if record["others"] else "Write what is missing."
        yield Finding(dist, "wrong kind", text, group)


def _mend(record: Record) -> str:
    missing = record["error"].startswith("ModuleNotFoundError")
    return "Install what it needs, and have its author require it." if missing else "Tell its author."


def _a(kind: str) -> str:
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind.replace('_', ' ')}"
