"""Groups of runs: those of one config, which differ by their seed alone, and what they reach."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, final

from bpframe.intervals import mean_interval
from bpframe.runs.config.schema import place_of
from bpframe.runs.run import Run
from bpframe.training.spec import PARTS

SEED = next(place_of(part) for part in PARTS if part.name == "seed")
# what says nothing of what is trained, and the seed
APART = re.compile(rf"{re.escape(SEED)}|train\.checkpoint.*|plugins\..*|callbacks.*\.folder")


@final
@dataclass(frozen=True)
class RunGroup:
    """Runs of one config; `settings` are those of all of them, by dotted path."""

    runs: Sequence[Run]
    settings: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The name of the first run."""
        return self.runs[0].name

    @property
    def seeds(self) -> list[int]:
        """The seed of each run."""
        return [run.config["train"]["seed"] for run in self.runs]

    @property
    def over(self) -> list[Run]:
        """The runs that have ended."""
        return [run for run in self.runs if run.results]

    @cached_property
    def values(self) -> dict[str, list[float]]:
        """The results of the runs that have ended, a list by name: "test.loss", "validation.accuracy"."""
        found: dict[str, list[float]] = {}
        for run in self.over:
            for part, result in run.results.items():
                for name, value in result.items():
                    if name != "rows":
                        found.setdefault(f"{part}.{name}", []).append(value)
        return found

    def interval(self, name: str) -> tuple[float, float] | None:
        """(mean, half width of its interval over the seeds) of a result; None where no run has it."""
        values = self.values.get(name)
        return None if values is None else mean_interval(values)


def group_runs(runs: Sequence[Run]) -> list[RunGroup]:
    """The runs by their configs, seeds aside, in the order in which each config comes first.

    Runs of programs, whose data no config names, are of one group where their data have as many rows and the same
    columns, too.
    """
    found: dict[str, tuple[list[Run], dict[str, Any]]] = {}
    for run in runs:
        settings = {path: value for path, value in flat_settings(run.config) if not APART.fullmatch(path)}
        key = json.dumps([sorted(settings.items()), _shape(run)], default=str)
        found.setdefault(key, ([], settings))[0].append(run)
    return [RunGroup(tuple(members), settings) for members, settings in found.values()]


def differing(groups: Sequence[RunGroup]) -> list[str]:
    """The paths of settings that are not the same in all groups."""
    paths = dict.fromkeys(path for group in groups for path in group.settings)
    first = groups[0].settings
    return [p for p in paths if any(p not in g.settings or g.settings[p] != first.get(p) for g in groups)]


def flat_settings(tables: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """(dotted path, value) of every value in tables: "optimizer.lr", "model.layers[1].units"."""
    if isinstance(tables, Mapping):
        for name, value in tables.items():
            yield from flat_settings(value, f"{path}.{name}" if path else name)
    elif isinstance(tables, list) and any(isinstance(item, Mapping) for item in tables):
        for i, item in enumerate(tables):
            yield from flat_settings(item, f"{path}[{i}]")
    else:
        yield path, tables


def _shape(run: Run) -> Any:
    """Of a program's run, the rows of each part and the columns."""
    if run.config["data"]["source"] != "program":
        return None
    data = run.lock.get("data", {})
    rows = {name: part.get("rows") for name, part in data.items() if isinstance(part, Mapping)}
    return [rows, data.get("columns")]
