"""The command that makes a comparison again, read off the first line of its file and which trials there are."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from typing import Any

from bpframe.studies.trial_file import Record


def comparison_command(records: Sequence[Record]) -> str:
    """The command line; files of plugins, and the config, are named without their folders."""
    return "bpframe " + shlex.join(["compare", *_words(records[0], records[1:])])


def _words(first: Record, trials: Sequence[Record]) -> Iterator[str]:
    yield from (each["title"] for each in first["contestants"] if not each["row"])
    if first.get("config") is not None:
        yield from ("--on", f"{first['workloads'][0]['name']}.toml")
    else:
        yield from _repeated("--workload", [each["name"] for each in first["workloads"]])
    for option in ("studies", "seeds"):
        yield from (f"--{option}", str(first["protocol"][option]))
    if first.get("engine", "numpy") != "numpy":
        yield from ("--engine", first["engine"])
    rules = first["contestants"][0]["kind"] == "optimizer"
    if rules and not any(record["trial"]["stage"] == "diagnosis" for record in trials):
        yield "--no-diagnoses"
    if not first.get("proven", True):
        yield "--unproven"
    yield from _repeated("--plugin", first.get("plugins", {}))


def _repeated(option: str, values: Any) -> Iterator[str]:
    for value in values:
        yield from (option, value)
