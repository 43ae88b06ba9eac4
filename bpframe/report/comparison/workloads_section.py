"""The section on workloads: of each, values at the horizons, steps and seconds to the target, and what tuning gave."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bpframe.report.markup import Html, fragment, scroll_table, tag
from bpframe.report.number_text import ratio_text, seconds_text, steps_text

NOTE = (
    "At the horizons stands the median of the metric over scoring seeds. Steps and CPU seconds to the target are "
    "medians, a miss counts as infinity; a step is that of training alone, start what the first ones need besides, to "
    "trace or compile, swap what it takes to make the parameters that predict. Best of 1, 5, ...: the median error of "
    "the best of so many tuning trials."
)


def workloads_section(summary: Mapping[str, Any]) -> tuple[str, Html] | None:
    """A table for each workload; None where none was scored."""
    if not summary["workloads"]:
        return None
    return "Workloads", fragment([tag("p", NOTE, class_="hint"), *(_table(summary, w) for w in summary["workloads"])])


def _table(summary: Mapping[str, Any], workload: Mapping[str, Any]) -> Html:
    horizons, target = summary["protocol"]["horizons"], workload["target"]
    goal = "" if target is None else f", target {target:.4g}"
    better = "lower" if workload["lower_is_better"] else "higher"
    counts = list(dict.fromkeys(k for on in workload["rules"].values() for k in on["best_of"]))
    header = ["rule", *(f"{h}x" for h in horizons), "steps", "CPU", "misses", "ratio", "a step", "start", "swap"]
    header += ["lr decades", *(f"best of {k}" for k in counts)]
    rows = []
    for rule in summary["rules"]:
        on = workload["rules"][rule["title"]]
        if on["runs"]:
            ends = [ratio_text(on["ends"][str(h)]) for h in horizons]
            rows.append([rule["title"], *ends, *_costs(on), *(ratio_text(on["best_of"].get(k)) for k in counts)])
    caption = f"{workload['name']}: {workload['metric']} ({better} is better){goal}"
    return scroll_table(header, rows, numbers=range(1, len(header)), caption=caption)


def _costs(on: Mapping[str, Any]) -> list[str]:
    decades, ratio = on["lr_decades"], on["ratio"]
    return [
        steps_text(on["steps"]),
        seconds_text(on["seconds"]),
        f"{on['misses']}/{on['runs']}",
        ratio_text(ratio and ratio["ratio"]),
        seconds_text(on["step_seconds"]),
        seconds_text(on["start_seconds"]),
        seconds_text(on["swap_seconds"]) if on["swap_seconds"] else "-",
        "-" if decades is None else f"{decades:.1f}",
    ]
