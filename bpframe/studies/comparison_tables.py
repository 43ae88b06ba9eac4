"""The tables of a comparison for a terminal, made of its summary."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bpframe import layout
from bpframe.report.number_text import ratio_text, seconds_text, steps_text


def comparison_text(summary: Mapping[str, Any], width: int | None = None) -> str:
    """Tables of the contestants, of each workload, and of the diagnoses; below them what to be careful about."""
    if not summary:
        return "No trial has ended."
    lines = [*_overall(summary, width)]
    for workload in summary["workloads"]:
        lines += ["", *_workload(summary, workload, width)]
    lines += [*_diagnoses(summary, width), *_updates(summary, width)]
    for note in summary["notes"]:
        lines += ["", *layout.wrapped(f"Note: {note}", width, 2)]
    return "\n".join(lines)


def _overall(summary: Mapping[str, Any], width: int | None) -> Iterator[str]:
    reference, primary = summary["reference"], summary["primary"]
    steps = primary == "steps"
    what = "steps to the target" if steps else "error at the end"
    yield f"Ratio of the {what} to that of {reference}; below 1 is better. Intervals by sign flips over studies."
    yield ""
    header = ("rule", "ratio", "interval", "coverage", "units", "score", "verdict")
    rows = [_overall_row(rule) for rule in summary["rules"]]
    yield from layout.text_table(header, rows, width, wrap=len(header) - 1)


def _overall_row(rule: Mapping[str, Any]) -> tuple[str, ...]:
    overall, score = rule["overall"], rule["score"]
    if overall is None:
        numbers = ("-", "-", "-", "0")
    else:
        interval = f"{ratio_text(overall['low'])} to {ratio_text(overall['high'])}"
        numbers = (ratio_text(overall["ratio"]), interval, f"{overall['coverage']:.1%}", str(overall["units"]))
    said = rule["verdict"] + (f" ({rule['row']})" if rule["row"] else "")
    return rule["title"], *numbers, "-" if score is None else f"{score:.2f}", said


def _workload(summary: Mapping[str, Any], workload: Mapping[str, Any], width: int | None) -> Iterator[str]:
    horizons = summary["protocol"]["horizons"]
    target = workload["target"]
    goal = "" if target is None else f", target {target:.4g}"
    yield f"{workload['name']}: {workload['metric']}{goal}, at the end of {', '.join(f'{h}x' for h in horizons)}"
    header = ("rule", *(f"{h}x" for h in horizons), "steps", "misses", "CPU", "a step", "start", "swap", "lr decades")
    rows = []
    for rule in summary["rules"]:
        on = workload["rules"][rule["title"]]
        if on["runs"]:
            rows.append((rule["title"], *(ratio_text(on["ends"][str(h)]) for h in horizons), *_costs(on)))
    yield from layout.text_table(header, rows, width)


def _costs(on: Mapping[str, Any]) -> tuple[str, ...]:
    decades = on["lr_decades"]
    return (
        steps_text(on["steps"]),
        f"{on['misses']}/{on['runs']}",
        seconds_text(on["seconds"]),
        seconds_text(on["step_seconds"]),
        seconds_text(on["start_seconds"]),
        seconds_text(on["swap_seconds"]) if on["swap_seconds"] else "-",
        "-" if decades is None else f"{decades:.1f}",
    )


def _diagnoses(summary: Mapping[str, Any], width: int | None) -> Iterator[str]:
    rules = [rule for rule in summary["rules"] if rule["diagnoses"]]
    if not rules:
        return
    names = sorted({name for rule in rules for name in rule["diagnoses"]})
    yield from ("", "Diagnoses: passed at so many of the learning rates that were tried")
    rows = [(rule["title"], *(_passed(rule["diagnoses"].get(name)) for name in names)) for rule in rules]
    yield from layout.text_table(("rule", *(name.replace("_", " ") for name in names)), rows, width)


def _passed(counts: Mapping[str, int] | None) -> str:
    if counts is None:
        return "-"
    return f"{'pass' if counts['passed'] else 'FAIL'} {counts['passed']}/{counts['tried']}"


def _updates(summary: Mapping[str, Any], width: int | None) -> Iterator[str]:
    """Of the first workload: the root mean square of an update over that of the parameters, by layer."""
    workload: Any = next(iter(summary["workloads"]), None)
    moved = {} if workload is None else {title: on["updates"] for title, on in workload["rules"].items()}
    layers = list(dict.fromkeys(layer for updates in moved.values() for layer in updates))
    if not layers:
        return
    yield from ("", f"Updates on {workload['name']}: size of a step over that of the parameters; start, middle, end")
    rows = [(title, *(_relative(updates[layer]) for layer in layers)) for title, updates in moved.items() if updates]
    yield from layout.text_table(("rule", *layers), rows, width)


def _relative(pairs: Sequence[Sequence[float]]) -> str:
    return " ".join(f"{change / size:.0e}" if size else "-" for change, size in pairs)
