"""The section on the protocol: how often and on which seeds, by which versions, and the command that does it again."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bpframe.report.markup import Html, fragment, scroll_table, tag

SOURCE = "arXiv:2306.07179"


def protocol_section(summary: Mapping[str, Any]) -> tuple[str, Html] | None:
    """What was done, as a table, and the command."""
    table = scroll_table(["what", "which"], list(_rows(summary)), caption="What was done")
    command = tag("pre", summary["command"], tabindex="0")
    files = [*_files(summary)]
    saved = tag("p", "Save in the folder where it runs: ", *files, class_="files") if files else None
    source = tag("p", f"The protocol is that of AlgoPerf ({SOURCE}), made small.")
    return "How to do it again", fragment([command, saved, table, source])


def _rows(summary: Mapping[str, Any]) -> Iterator[list[str]]:
    protocol, seeds = summary["protocol"], summary["seeds"]
    yield ["studies of each workload", str(protocol["studies"])]
    yield ["tuning trials of a study", str(protocol["trials"])]
    yield ["scoring seeds of a study", str(protocol["seeds"])]
    yield ["horizons", ", ".join(f"{horizon}x" for horizon in protocol["horizons"])]
    yield ["seeds of tuning", _ranges(seeds["tuning"])]
    yield ["seeds of scoring", _ranges(seeds["scoring"])]
    yield ["workloads", ", ".join(_workload(w) for w in summary["workloads"])]
    yield ["engine", summary["engine"]]
    yield ["proven by the conformance kit", "every plugin" if summary["proven"] else "plugins were taken as they are"]
    yield from ([f"plugin file {name}", digest] for name, digest in summary["plugins"].items())
    yield ["versions", ", ".join(f"{name} {version}" for name, version in summary["versions"].items())]


def _workload(workload: Mapping[str, Any]) -> str:
    return f"{workload['name']} ({workload['epochs']} epochs of batches of {workload['batch_size']})"


def _ranges(numbers: Sequence[int]) -> str:
    """ "1 to 6, 10": numbers in a row as their ends."""
    parts: list[list[int]] = []
    for number in numbers:
        if parts and number == parts[-1][-1] + 1:
            parts[-1].append(number)
        else:
            parts.append([number])
    return ", ".join(f"{part[0]} to {part[-1]}" if len(part) > 1 else str(part[0]) for part in parts)


def _files(summary: Mapping[str, Any]) -> Iterator[Html]:
    """The config, to save."""
    if summary["config"] is not None:
        name = f"{summary['workloads'][0]['name']}.toml" if summary["workloads"] else "config.toml"
        content = base64.b64encode(summary["config"].encode()).decode()
        yield tag("a", name, download=name, href=f"data:text/plain;base64,{content}", class_="button")
