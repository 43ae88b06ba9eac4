"""The section on results: what each run has reached, and each config over its seeds."""

from __future__ import annotations

import math

from bpframe.intervals import mean_interval
from bpframe.report.markup import Child, Html, details_if_long, fragment, scroll_table, tag
from bpframe.report.number_text import number_text
from bpframe.report.run_record import RunRecord
from bpframe.report.run_report import RunReport
from bpframe.report.seed_groups import SeedGroup

ROUNDING = 1e-12  # of a mean, below which runs do not differ


def results_section(report: RunReport) -> tuple[str, Html] | None:
    """The figures of one run; of several each config over its seeds, above a table of all runs."""
    if report.live:
        return "Runs", tag("div", id="status", class_="scroll", tabindex="0", role="group", aria_label="Runs")
    several = any(len(group.runs) > 1 for group in report.groups)
    groups = _groups(report) if several or len(report.groups) > 1 else None
    if len(report.runs) == 1:
        return "Result", _figures(report.runs[0])
    return "Runs", fragment([groups, details_if_long(f"All {len(report.runs)} runs", len(report.runs), _runs(report))])


def _figures(run: RunRecord) -> Html:
    """The result of a run in large letters."""
    shown = [(f"{run.part} {name}", number_text(value)) for name, value in run.result.items() if name != "rows"]
    shown += [("epochs", number_text(run.epochs))]
    if run.best_epoch is not None:
        value = run.curves[run.monitored][run.best_epoch - 1]
        shown.append((f"best {run.monitored.replace('.', ' ')}, in epoch {run.best_epoch:,}", number_text(value)))
    return tag("dl", *(tag("div", tag("dt", name), tag("dd", value)) for name, value in shown), class_="figures")


def _groups(report: RunReport) -> Html:
    """A row for each config: its runs, and the mean of each result with its interval over seeds."""
    names = _result_names(report.runs)
    rows = [
        [group.name, str(len(group.runs)), *(_mean(report, group, name) for name in names)] for group in report.groups
    ]
    caption = "Each config over its seeds: mean ± half of Student's 95% interval of the mean"
    return scroll_table(["config", "runs", *names], rows, numbers=range(1, len(names) + 2), caption=caption)


def _mean(report: RunReport, group: SeedGroup, name: str) -> str:
    values = [value for i in group.runs if (value := _results(report.runs[i]).get(name)) is not None]
    if not values:
        return ""
    mean, half = mean_interval(values)
    half = 0.0 if half < ROUNDING * abs(mean) else half
    return number_text(mean) + (f" ± {half:.2g}" if math.isfinite(half) else "")


def _runs(report: RunReport) -> Html:
    names = _result_names(report.runs)
    rows: list[list[Child]] = []
    for run in report.runs:
        best = run.best_epoch
        value = "" if best is None else f"{number_text(run.curves[run.monitored][best - 1])} in epoch {best:,}"
        results = _results(run)
        seed = run.config.get("train", {}).get("seed", "")
        cells = [
            run.name,
            str(seed),
            f"{run.epochs:,}",
            value,
            *(number_text(results.get(n, math.nan)) for n in names),
        ]
        rows.append([*cells])
    header = ["run", "seed", "epochs", f"best {_monitored(report)}", *names]
    return scroll_table(header, rows, numbers=range(1, len(header)), caption="Each run")


def _monitored(report: RunReport) -> str:
    return " or ".join(sorted({run.monitored.replace(".", " ") for run in report.runs}))


def _results(run: RunRecord) -> dict[str, float]:
    """Loss and metrics by names that say on which part."""
    return {f"{run.part} {name}": value for name, value in run.result.items() if name != "rows" and value is not None}


def _result_names(runs: object) -> list[str]:
    assert isinstance(runs, list | tuple)
    return list(dict.fromkeys(name for run in runs for name in _results(run)))
