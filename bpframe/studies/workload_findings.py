"""The findings of a comparison on one workload: ends, costs, and what tuning met, of each rule."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from bpframe.studies.comparison_records import ComparisonRecords
from bpframe.studies.curves import error_at_end, last, lr_decades, median_best_of, middle, step_seconds
from bpframe.studies.sign_flips import ratio_interval
from bpframe.studies.trial_file import Record


def workload_findings(trials: ComparisonRecords, workload: Mapping[str, Any]) -> dict[str, Any]:
    """All that is said of one workload."""
    rules = {c["title"]: _on(trials, workload, c) for c in trials.contestants}
    return {**workload, "target": trials.target(workload), "rules": rules}


def _on(trials: ComparisonRecords, workload: Mapping[str, Any], contestant: Mapping[str, Any]) -> dict[str, Any]:
    """One rule on one workload."""
    title, name, lower = contestant["title"], workload["name"], workload["lower_is_better"]
    tuned, scored = (trials.of(stage, name, title) for stage in ("tuning", "scoring"))
    errors = [error_at_end(record, lower) for record in tuned]
    measures = trials.measures(workload, title)
    steps = list(measures["steps"].values())
    times = [pair for record in scored if (pair := step_seconds(record)) is not None]
    each = middle([pair[0] for pair in times])
    rates = [path for path in contestant["ranges"] if path.rpartition(".")[2] == "lr"]
    return {
        "steps": middle(steps),
        "seconds": middle(steps) * each,
        "misses": sum(map(math.isinf, steps)),
        "runs": len(steps),
        "ends": {str(h): _end(scored, h) for h in trials.horizons},
        "errors": {key: middle(list(values.values())) for key, values in measures.items() if key != "steps"},
        "ratio": ratio_interval(trials.units(title, trials.primary, name).values()),
        "step_seconds": each,
        "start_seconds": middle([pair[1] for pair in times]),
        "swap_seconds": middle([record["seconds"]["swap"] for record in scored]),
        "lr_decades": lr_decades(tuned, errors, rates[0]) if rates else None,
        "rates": _rates(tuned, errors, rates[0]) if rates else [],
        "best_of": {str(k): median_best_of(errors, k) for k in (1, 5, len(errors)) if 0 < k <= len(errors)},
        "at_edge": _at_edge(trials, contestant, name),
        "updates": next((record["updates"] for record in scored if record["updates"]), {}),
    }


def _rates(tuned: Sequence[Record], errors: Sequence[float], name: str) -> list[list[float]]:
    """(learning rate, error at the end) of each tuning trial, by learning rate."""
    pairs = zip((record["settings"].get(name) for record in tuned), errors, strict=True)
    return sorted([float(rate), error] for rate, error in pairs if rate)


def _end(scored: Sequence[Record], horizon: int) -> float | None:
    """The median value of the metric at the end of a horizon; None where most trainings failed."""
    of_it = [r for r in scored if r["trial"]["horizon"] == horizon]
    known = [last(r["values"]) for r in of_it if not r["failed"] and last(r["values"]) is not None]
    return median(known) if 2 * len(known) > len(of_it) else None


def _at_edge(trials: ComparisonRecords, contestant: Mapping[str, Any], workload: str) -> dict[str, str]:
    """The settings that most studies chose at an end of what was tried, and which."""
    tuned = trials.of("tuning", workload, contestant["title"])
    chosen = {r["trial"]["study"]: r["settings"] for r in trials.of("scoring", workload, contestant["title"])}
    found = {}
    for path, spread in contestant["ranges"].items():
        values = sorted({r["settings"][path] for r in tuned}) if isinstance(spread, list | tuple) else []
        picked = [settings[path] for settings in chosen.values()]
        for end, name in ((values[0], "lowest"), (values[-1], "highest")) if len(values) > 2 else ():
            if 2 * picked.count(end) > len(picked):
                found[path] = name
    return found
