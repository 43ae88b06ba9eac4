"""The findings of a comparison as plain data, a function of the records of its file and of nothing else.

    {"kind", "reference", "protocol", "rules": [...], "workloads": [...], "notes": [...]}

A ratio is that of a rule to the reference, the contestant that was named first: below 1 it needs fewer steps, or ends
with a smaller error. Each pair of workload and study is a unit: the median over its scoring seeds of the logarithm of
the ratio. Intervals are those of sign flips over the units. Where there are no numbers, they are None.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, final

from bpframe.studies.comparison_notes import notes
from bpframe.studies.curves import (
    error_at_end,
    last,
    log_ratio,
    lr_decades,
    median_best_of,
    middle,
    step_seconds,
    steps_to_target,
)
from bpframe.studies.sign_flips import sign_flip_interval
from bpframe.studies.trial_file import Record

LARGEST = 4.0  # ratio to the fastest at which a rule gets no more credit in the score
Unit = tuple[str, int]  # workload and study


def comparison_summary(records: Sequence[Record]) -> dict[str, Any]:
    """The summary; {} where there is nothing but the first line."""
    if len(records) < 2:
        return {}
    trials = _Trials(records)
    rules = [_rule(trials, record) for record in trials.contestants]
    workloads = [_workload(trials, record) for record in trials.workloads if trials.of("scoring", record["name"])]
    found = {
        "kind": trials.kind,
        "reference": trials.reference,
        "primary": trials.primary,
        "protocol": records[0]["protocol"],
        "proven": records[0].get("proven", True),
        "rules": sorted(rules, key=_rank),
        "workloads": workloads,
    }
    return found | {"notes": notes(found)}


@final
@dataclass(frozen=True)
class _Trials:
    """The records of a comparison, and what is read off them."""

    records: Sequence[Record]

    @property
    def contestants(self) -> list[Record]:
        return list(self.records[0]["contestants"])

    @property
    def workloads(self) -> list[Record]:
        return list(self.records[0]["workloads"])

    @property
    def kind(self) -> str:
        return str(self.contestants[0]["kind"])

    @property
    def reference(self) -> str:
        return str(self.contestants[0]["title"])

    @property
    def horizons(self) -> list[int]:
        return list(self.records[0]["protocol"]["horizons"])

    @property
    def primary(self) -> str:
        """What decides: the steps to a target for optimizers, the error at the end of the horizon for losses."""
        return "steps" if self.kind == "optimizer" else f"error {self.horizons[0]}x"

    def of(self, stage: str, workload: str, rule: str | None = None) -> list[Record]:
        """The records of a stage and workload."""
        wanted = {"stage": stage, "workload": workload} | ({} if rule is None else {"rule": rule})
        return [r for r in self.records[1:] if all(r["trial"].get(key) == value for key, value in wanted.items())]

    def target(self, workload: Mapping[str, Any]) -> float | None:
        """The target; where a workload has none, what tuned adam, or the reference, reaches over the first horizon."""
        if workload["target"] is not None:
            return float(workload["target"])
        titles = [c["title"] for c in self.contestants if c["tuned"] and c["spec"] == {"name": "adam"}]
        of_it = self.of("scoring", workload["name"], last(titles) or self.reference)
        ends = [last(r["values"]) for r in of_it if r["trial"]["horizon"] == self.horizons[0] and not r["failed"]]
        known = [end for end in ends if end is not None]
        return median(known) if known else None

    def measures(self, workload: Mapping[str, Any], rule: str) -> dict[str, dict[tuple[int, int], float]]:
        """By measure, "steps" and "error 1x" and so on, the value by (study, number of its seed)."""
        lower, target = workload["lower_is_better"], self.target(workload)
        found: dict[str, dict[tuple[int, int], float]] = {"steps": {}}
        seeds: dict[tuple[int, int], list[int]] = {}
        for record in self.of("scoring", workload["name"], rule):
            trial = record["trial"]
            known = seeds.setdefault((trial["study"], trial["horizon"]), [])
            place = trial["study"], len(known)
            known.append(trial["seed"])
            found.setdefault(f"error {trial['horizon']}x", {})[place] = error_at_end(record, lower)
            if trial["horizon"] == self.horizons[-1] and target is not None:
                found["steps"][place] = steps_to_target(record, target, lower)
        return found

    def units(self, rule: str, measure: str, only: str | None = None) -> dict[Unit, float]:
        """The logarithm of the ratio to the reference in each unit, the median over its seeds."""
        found: dict[Unit, float] = {}
        for workload in self.workloads:
            if only not in (None, workload["name"]):
                continue
            own, other = (self.measures(workload, title).get(measure, {}) for title in (rule, self.reference))
            by_study: dict[int, list[float]] = {}
            for place in own.keys() & other.keys():
                ratio = log_ratio(own[place], other[place])
                if ratio is not None:
                    by_study.setdefault(place[0], []).append(ratio)
            found |= {(workload["name"], study): median(ratios) for study, ratios in sorted(by_study.items())}
        return found

    def score(self, rule: str) -> float | None:
        """The share of the ratios between 1 and 4 at which it is within that of the fastest, a mean over units."""
        credits = []
        for workload in self.workloads:
            steps = {c["title"]: self.measures(workload, c["title"])["steps"] for c in self.contestants}
            for study in sorted({place[0] for place in steps[rule]}):
                by_rule = {
                    title: middle([v for place, v in values.items() if place[0] == study])
                    for title, values in steps.items()
                }
                best = min((v for v in by_rule.values() if not math.isnan(v)), default=math.inf)
                ratio = by_rule[rule] / best if math.isfinite(best) else math.inf
                credits.append(max(0.0, LARGEST - ratio) / (LARGEST - 1))
        return sum(credits) / len(credits) if credits else None


def _rank(rule: Mapping[str, Any]) -> tuple[bool, float]:
    ratio = rule["overall"] and rule["overall"]["ratio"]
    return ratio is None, ratio or 0.0


def _rule(trials: _Trials, contestant: Mapping[str, Any]) -> dict[str, Any]:
    """All that is said of one rule over all workloads."""
    title = contestant["title"]
    measures = ["steps", *(f"error {horizon}x" for horizon in trials.horizons)]
    ratios = {measure: _ratio(trials.units(title, measure).values()) for measure in measures}
    return {
        "title": title,
        "row": contestant["row"],
        "dist": contestant["dist"],
        "space": contestant["ranges"],
        "source": contestant["source"],
        "overall": ratios[trials.primary],
        "ratios": ratios,
        "score": trials.score(title),
        "diagnoses": _diagnoses(trials, title),
    }


def _ratio(logs: Any) -> dict[str, Any] | None:
    """The ratio with its interval; None where there is no unit."""
    differences = list(logs)
    if not differences:
        return None
    found = sign_flip_interval(differences)
    ends = {name: _exp(getattr(found, name)) for name in ("low", "high")}
    shown = found.shows_difference
    return {"ratio": _exp(found.centre), **ends, "coverage": found.coverage, "units": found.n, "difference": shown}


def _exp(value: float) -> float:
    return math.exp(value) if value < 700 else math.inf


def _diagnoses(trials: _Trials, title: str) -> dict[str, dict[str, int]]:
    """By diagnosis how many points passed, and how many were tried."""
    found: dict[str, dict[str, int]] = {}
    for record in trials.records[1:]:
        key = record["trial"]
        if key["stage"] == "diagnosis" and key["rule"] == title:
            counts = found.setdefault(key["diagnosis"], {"passed": 0, "tried": 0})
            counts["tried"] += 1
            counts["passed"] += bool(record["passed"])
    return found


def _workload(trials: _Trials, workload: Mapping[str, Any]) -> dict[str, Any]:
    """All that is said of one workload."""
    rules = {c["title"]: _on(trials, workload, c) for c in trials.contestants}
    return {**workload, "target": trials.target(workload), "rules": rules}


def _on(trials: _Trials, workload: Mapping[str, Any], contestant: Mapping[str, Any]) -> dict[str, Any]:
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
        "ratio": _ratio(trials.units(title, trials.primary, name).values()),
        "step_seconds": each,
        "start_seconds": middle([pair[1] for pair in times]),
        "swap_seconds": middle([record["seconds"]["swap"] for record in scored]),
        "lr_decades": lr_decades(tuned, errors, rates[0]) if rates else None,
        "best_of": {str(k): median_best_of(errors, k) for k in (1, 5, len(errors)) if 0 < k <= len(errors)},
        "at_edge": _at_edge(trials, contestant, name),
        "updates": next((record["updates"] for record in scored if record["updates"]), {}),
    }


def _end(scored: Sequence[Record], horizon: int) -> float | None:
    """The median value of the metric at the end of a horizon; None where most trainings failed."""
    of_it = [r for r in scored if r["trial"]["horizon"] == horizon]
    known = [last(r["values"]) for r in of_it if not r["failed"] and last(r["values"]) is not None]
    return median(known) if 2 * len(known) > len(of_it) else None


def _at_edge(trials: _Trials, contestant: Mapping[str, Any], workload: str) -> dict[str, str]:
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
