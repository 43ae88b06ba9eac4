"""The section on reproduction: the files and commands by which the runs are made again."""

from __future__ import annotations

import base64
import shlex
from collections.abc import Iterator

from bpframe.report.markup import Html, details_if_long, fragment, tag
from bpframe.report.run_record import RunRecord
from bpframe.report.run_report import RunReport
from bpframe.report.sections.training_section import MOST_CONFIGS


def reproduction_section(report: RunReport) -> tuple[str, Html] | None:
    """The config and the lock of each config to save, and the commands for each of its runs."""
    groups = [[report.runs[i] for i in group.runs] for group in report.groups[:MOST_CONFIGS]]
    groups = [runs for runs in groups if runs[0].texts.get("config")]
    if not groups:
        return None
    lines = [*_install(groups[0][0]), *(line for runs in groups for line in _commands(runs))]
    files = [_download(name, text) for runs in groups for name, text in _files(runs[0]).items()]
    saved = tag("p", "Save beside the data: ", *(part for file in files for part in (file, " ")), class_="files")
    commands = details_if_long(f"{len(lines)} commands", len(lines), tag("pre", "\n".join(lines), tabindex="0"))
    return "Commands that reproduce it", fragment([saved, commands])


def _files(run: RunRecord) -> dict[str, str]:
    names = {"config": f"{run.name}.toml", "lock": f"{run.name}.lock.toml"}
    return {name: run.texts[key] for key, name in names.items() if key in run.texts}


def _install(run: RunRecord) -> Iterator[str]:
    """The line that installs what the lock names, where that is published."""
    dists = [f"{one['name']}=={one['version']}" for one in run.lock.get("distributions", ()) if "version" in one]
    if dists:
        yield f"pip install {shlex.join(dists)}"


def _commands(runs: list[RunRecord]) -> Iterator[str]:
    """A line for each run of a config: the first as its lock says, others with their seeds."""
    first = runs[0]
    if first.config["data"]["source"] == "program":
        yield f"# {', '.join(run.name for run in runs)}: run the program again that handed over the data"
        return
    frozen = ["--frozen", f"{first.name}.lock.toml"] if "lock" in first.texts else []
    yield "bpframe " + shlex.join(["train", f"{first.name}.toml", *frozen, "--name", first.name])
    for run in runs[1:]:
        settings = [f"train.{name}={value}" for name, value in run.config.get("train", {}).items() if "seed" in name]
        given = [word for setting in settings for word in ("--set", setting)]
        yield "bpframe " + shlex.join(["train", f"{first.name}.toml", *given, "--name", run.name])


def _download(name: str, text: str) -> Html:
    content = base64.b64encode(text.encode()).decode()
    return tag("a", name, download=name, href=f"data:text/plain;base64,{content}", class_="button")
