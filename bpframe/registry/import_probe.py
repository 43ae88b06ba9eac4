"""The import probe: imports components one after another, and writes down what each import costs and touches.

It is the program of a process of its own, which `bpframe plugins doctor` starts: a component may end it.
"""

from __future__ import annotations

import json
import os
import sys
import time
import warnings
from collections import Counter
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

from bpframe.registry.kinds import KINDS
from bpframe.registry.process_state import process_state, state_changes
from bpframe.registry.safe_text import error_text

HEAVY = 50  # modules of one package from which on it is named
COMMON = {"numpy", "bpframe"}  # packages that are there in any case
STARTED, DONE = "started", "done"

PROGRAM = (
    "import sys, json; given = json.loads(sys.stdin.read()); sys.path[:] = given['path']; "
    "import numpy.random, bpframe.plugin; "  # what plugins load anyway is no cost of theirs
    "from bpframe.registry.import_probe import probe; probe(given['targets'], given['record'])"
)


def probe(targets: list[dict[str, str]], record: str) -> None:
    """Import each target, {"kind", "name", "target"}; a line of JSON in the file `record` before and after each."""
    sys.stdin.close()
    process_state()  # what reading it loads is no trace of a plugin
    with open(record, "a", encoding="utf-8", buffering=1) as file:
        for target in targets:
            file.write(json.dumps({"at": STARTED, **target}) + "\n")
            file.write(json.dumps({"at": DONE, **target, **_import(target)}) + "\n")
    os._exit(0)  # without what the plugins have left to be done at exit


def _import(target: dict[str, str]) -> dict[str, Any]:
    """What one import does."""
    modules, state, memory, printed = set(sys.modules), process_state(), _memory(), _printed()
    error, component, said = "", None, list[str]()
    seconds = time.process_time()
    with warnings.catch_warnings(record=True) as caught:  # filters that it sets are looked at before they are undone
        warnings.simplefilter("always")
        filters = list(warnings.filters)
        try:
            component = EntryPoint(target["name"], target["target"], KINDS[target["kind"]].group).load()
        except BaseException as raised:
            error = error_text(raised)
        filtered = list(warnings.filters) != filters
        said = [f"{each.category.__name__}: {each.message}" for each in caught]
    seconds = time.process_time() - seconds
    touched = state_changes(state, process_state())
    return {
        "error": error,
        "seconds": seconds,
        "megabytes": (_memory() - memory) / 2**20,
        "packages": _packages(set(sys.modules) - modules, target["target"]),
        "touched": touched + [("filters of warnings", "")] * filtered,
        "printed": _printed() - printed,
        "warnings": said,
        **({} if component is None else _kind(target["kind"], component)),
    }


def _kind(kind: str, component: Any) -> dict[str, Any]:
    """Whether it can be made, what it lacks of its kind, and of which other kinds it has all."""
    others = [other.name for other in KINDS.values() if other.protocols and not other.missing(component)]
    return {
        "callable": callable(component),
        "type": type(component).__name__,
        "missing": KINDS[kind].missing(component) if isinstance(component, type) else [],
        "others": [other for other in others if other not in ("callback", kind)],
    }


def _packages(modules: set[str], target: str) -> dict[str, int]:
    """The packages of other distributions of which many modules were loaded, with their number."""
    own = target.partition(":")[0].partition(".")[0]
    counts = Counter(name.partition(".")[0] for name in modules)
    foreign = {name: n for name, n in counts.items() if name not in {own, *COMMON, *sys.stdlib_module_names}}
    return {name: n for name, n in sorted(foreign.items()) if n >= HEAVY}


def _memory() -> int:
    """The bytes of this process that are in memory; 0 where the system does not say."""
    try:
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0


def _printed() -> int:
    """The bytes that were written to stdout and stderr, which are one file here."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    return os.fstat(1).st_size
