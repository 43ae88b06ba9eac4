"""The findings of a comparison as plain data, a function of the records of its file and of nothing else.

    {"kind", "reference", "protocol", "rules": [...], "workloads": [...], "notes": [...], "command", ...}

What a ratio is, and a unit, says `bpframe.studies.comparison_records`; intervals are those of sign flips over units.
Where there are no numbers, they are None.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bpframe.studies.comparison_command import comparison_command
from bpframe.studies.comparison_notes import notes
from bpframe.studies.comparison_records import ComparisonRecords
from bpframe.studies.seeds import tuning_seed
from bpframe.studies.sign_flips import ratio_interval
from bpframe.studies.trial_file import Record
from bpframe.studies.workload_findings import workload_findings


def comparison_summary(records: Sequence[Record]) -> dict[str, Any]:
    """The summary; {} where there is nothing but the first line."""
    if len(records) < 2:
        return {}
    trials, first = ComparisonRecords(records), records[0]
    rules = [_rule(trials, record) for record in trials.contestants]
    found = {
        "kind": trials.kind,
        "reference": trials.reference,
        "primary": trials.primary,
        "protocol": first["protocol"],
        "proven": first.get("proven", True),
        "rules": sorted(rules, key=_rank),
        "workloads": [workload_findings(trials, w) for w in trials.workloads if trials.of("scoring", w["name"])],
        "seeds": _seeds(trials),
        "engine": first.get("engine", "numpy"),
        "versions": first.get("versions", {}),
        "plugins": first.get("plugins", {}),
        "config": first.get("config"),
        "command": comparison_command(records),
    }
    return found | {"notes": notes(found)}


def _rank(rule: Mapping[str, Any]) -> tuple[bool, float]:
    ratio = rule["overall"] and rule["overall"]["ratio"]
    return ratio is None, ratio or 0.0


def _rule(trials: ComparisonRecords, contestant: Mapping[str, Any]) -> dict[str, Any]:
    """All that is said of one rule over all workloads."""
    title = contestant["title"]
    measures = ["steps", *(f"error {horizon}x" for horizon in trials.horizons)]
    ratios = {measure: ratio_interval(trials.units(title, measure).values()) for measure in measures}
    overall = ratios[trials.primary]
    return {
        "title": title,
        "row": contestant["row"],
        "dist": contestant["dist"],
        "version": contestant["version"],
        "tuned": contestant["tuned"],
        "scheduled": contestant["scheduled"],
        "space": contestant["ranges"],
        "source": contestant["source"],
        "overall": overall,
        "verdict": "the reference" if title == trials.reference else _verdict(overall),
        "ratios": ratios,
        "score": trials.score(title),
        "diagnoses": _diagnoses(trials, title),
    }


def _verdict(overall: Mapping[str, Any] | None) -> str:
    """What is concluded of a rule beside the reference: better, worse, or that no difference was shown."""
    if overall is None:
        return "never measured"
    if not overall["difference"]:
        return "no difference shown"
    return "better" if overall["high"] < 1 else "worse"


def _diagnoses(trials: ComparisonRecords, title: str) -> dict[str, dict[str, Any]]:
    """By diagnosis how many points passed and were tried, and (settings, whether they passed) of each."""
    found: dict[str, dict[str, Any]] = {}
    for record in trials.records[1:]:
        key = record["trial"]
        if key["stage"] == "diagnosis" and key["rule"] == title:
            counts = found.setdefault(key["diagnosis"], {"passed": 0, "tried": 0, "points": []})
            counts["tried"] += 1
            counts["passed"] += bool(record["passed"])
            counts["points"].append([record.get("settings", {}), bool(record["passed"])])
    return found


def _seeds(trials: ComparisonRecords) -> dict[str, list[int]]:
    """The seeds of tuning, one a study, and those of scoring."""
    keys = [record["trial"] for record in trials.records[1:]]
    tuned = {c["title"]: c.get("offset", 0) for c in trials.contestants}
    of_tuning = {tuning_seed(key["study"], tuned[key["rule"]]) for key in keys if key["stage"] == "tuning"}
    return {
        "tuning": sorted(of_tuning),
        "scoring": sorted({key["seed"] for key in keys if key["stage"] == "scoring"}),
    }
