"""The table of runs: a row for each config with intervals over its seeds, or for each run."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

from bpframe.errors import CheckpointError, ConfigError
from bpframe.registry.other_words import did_you_mean
from bpframe.runs.folder import RunFolder
from bpframe.runs.process_lock import is_locked
from bpframe.runs.run import Run
from bpframe.runs.run_groups import RunGroup, differing, group_runs

INTERVAL = "± half of the 95% interval of the mean over the runs of a config, by Student's t"
LONGEST = 40  # characters of a setting in a table to read
HALF = " ±"  # behind the name of a result, the column of that half


@final
@dataclass(frozen=True)
class RunTable:
    """`columns` by name, and a dict of plain values for each row; None where a row has no value."""

    columns: Sequence[str]
    rows: Sequence[dict[str, Any]]

    def sorted_by(self, column: str) -> RunTable:
        """The same, rising by a column, or falling with "-" before its name; rows without a value come last."""
        name = column.removeprefix("-")
        if name not in self.columns:
            hint = did_you_mean(name, [*self.columns], {})
            raise ConfigError(f"--sort needs a column, got '{name}'.{hint} Columns: {', '.join(self.columns)}.")
        known = [row for row in self.rows if not _missing(row.get(name))]
        text = any(not isinstance(row[name], int | float) for row in known)
        known.sort(key=lambda row: str(row[name]) if text else row[name], reverse=column != name)
        return RunTable(self.columns, [*known, *(row for row in self.rows if _missing(row.get(name)))])

    def text_rows(self) -> tuple[list[str], list[list[str]]]:
        """(header, rows) to read: a result and its half interval in one column."""
        header = [name for name in self.columns if not name.endswith(HALF)]
        return header, [[_cell(row, name) for name in header] for row in self.rows]


def group_table(runs: Sequence[Run]) -> RunTable:
    """A row for each config: its runs, results with intervals, and the settings by which configs differ."""
    groups = _groups(runs)
    names = dict.fromkeys(name for group in groups for name in group.values)
    results = [column for name in names for column in (name, name + HALF)]
    settings = differing(groups)
    return RunTable(["config", "runs", "over", *results, *settings], [_group_row(g, names, settings) for g in groups])


def run_table(runs: Sequence[Run]) -> RunTable:
    """A row for each run: its config's name, seed, state, epochs, results, and the settings by which configs differ."""
    groups = _groups(runs)
    names = list(dict.fromkeys(name for group in groups for name in group.values))
    settings = differing(groups)
    rows = [_run_row(group, run, names, settings) for group in groups for run in group.runs]
    return RunTable(["run", "config", "seed", "state", "epochs", *names, *settings], rows)


def _groups(runs: Sequence[Run]) -> list[RunGroup]:
    if not runs:
        raise CheckpointError("A table needs a run at least, got none that can be read.")
    return group_runs(runs)


def _group_row(group: RunGroup, names: Any, settings: Sequence[str]) -> dict[str, Any]:
    row: dict[str, Any] = {"config": group.name, "runs": len(group.runs), "over": len(group.over)}
    for name in names:
        found = group.interval(name)
        row |= {name: None, name + HALF: None} if found is None else {name: found[0], name + HALF: found[1]}
    return row | {path: group.settings.get(path) for path in settings}


def _run_row(group: RunGroup, run: Run, names: Sequence[str], settings: Sequence[str]) -> dict[str, Any]:
    results = {f"{part}.{name}": value for part, result in run.results.items() for name, value in result.items()}
    return {
        "run": str(run.path),
        "config": group.name,
        "seed": run.config["train"]["seed"],
        "state": state_of(run),
        "epochs": len(run.history),
        **{name: results.get(name) for name in names},
        **{path: group.settings.get(path) for path in settings},
    }


def state_of(run: Run) -> str:
    """ "over", "training" while a process trains there, "stopped" otherwise."""
    return "over" if run.results else "training" if is_locked(RunFolder(run.path)) else "stopped"


def _missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _cell(row: dict[str, Any], name: str) -> str:
    value, half = row.get(name), row.get(name + HALF)
    if isinstance(value, float):
        return f"{value:.4g}" if _missing(half) else f"{value:.4g} ± {half:.2g}"
    return "" if value is None else textwrap.shorten(str(value), LONGEST, placeholder=" ...")
