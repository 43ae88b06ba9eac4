"""The records of a comparison, and what is read off them: trials by stage, measures of a rule, ratios to the reference.

A ratio is that of a rule to the reference, the contestant that was named first: below 1 it needs fewer steps, or ends
with a smaller error. Each pair of workload and study is a unit: the median over its scoring seeds of the logarithm of
the ratio.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, final

from bpframe.studies.curves import error_at_end, last, log_ratio, middle, steps_to_target
from bpframe.studies.trial_file import Record

LARGEST = 4.0  # ratio to the fastest at which a rule gets no more credit in the score
Unit = tuple[str, int]  # workload and study


@final
@dataclass(frozen=True)
class ComparisonRecords:
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
